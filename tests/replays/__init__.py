"""Replays: from a frozen selection to what came of every letter, on real stores, with real writers."""
