"""Load: an open-loop generator that says what clients felt, what became of their writes, and whether its own word can
be taken. To learn how, read `schedule.py`, `outcome.py`, `run.py`."""
