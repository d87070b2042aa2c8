"""Replays: dead letters that are sent to the write stream again, paced, monitored, and each at most once."""
