"""The index: the tables that hold dead letters, what is put into them, and what is counted."""
