"""The index: the tables that hold dead letters, the inserts into them, and the counts."""
