"""Replays in the database: the frozen set of letters, the lease of the replica that drives a replay, and the result of
every item."""
