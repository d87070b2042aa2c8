"""Replays in the database: the frozen set, who drives it, and what came of every item."""
