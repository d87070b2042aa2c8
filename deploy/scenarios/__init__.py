"""Scenarios: something of the running stack is broken on purpose, step by step, and each step says what a client sees
of it and what was expected. To learn how the system behaves, read `database_down.py`, `redis_down.py`, `errors.py`."""
