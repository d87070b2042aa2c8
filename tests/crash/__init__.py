"""Crash safety: kill -9 of everything at random moments under load, and then count. `python -m tests.crash`."""
