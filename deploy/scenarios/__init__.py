"""Scenarios: break parts of the running stack step by step, and show for each step what a client sees and what was
expected. Start with `database_down.py`, `redis_down.py` and `errors.py`."""
