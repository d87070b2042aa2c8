"""Who may do what in the stores: one table for the database, one for Redis, and what servers are told because of them.
Standard library only: the local stack reads them before its virtual environment exists."""
