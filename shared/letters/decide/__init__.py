"""Decisions of operators on dead letters: discard, restore, the allowance of a single person, the outbox to the queue,
and notes on groups."""
