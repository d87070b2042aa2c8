"""Retention: what is removed once it is older than an operator keeps it."""
