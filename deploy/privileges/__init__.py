"""Who may do what in the stores: one table for the database, one for Redis, and the statements made from them.
Standard library only: the local stack reads them before its virtual environment exists."""
