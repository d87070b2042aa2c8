"""Scenarios: parts of the running stack are broken on purpose, step by step, and each step shows what a client sees and
what was expected. To learn how the system behaves, read `database_down.py`, `redis_down.py`, `errors.py`."""
