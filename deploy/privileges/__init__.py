"""The rights of each user in the stores: one table for the database, one for Redis, and the statements made from them.
Standard library only, because the local stack reads them before its virtual environment exists."""
