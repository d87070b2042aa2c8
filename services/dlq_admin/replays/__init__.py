"""Replays: dead letters on the write stream again, paced, watched, and at most once each."""
