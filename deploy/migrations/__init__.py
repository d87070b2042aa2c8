"""Migrations: the schema, step by step; and the tables of declared resources."""
