"""Replays: from a frozen selection to the outcome of every letter, on real stores, with real writers."""
