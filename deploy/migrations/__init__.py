"""Migrations: the schema, step by step; and the tables of declared resources."""

#: Before a line about a schema that is not as declared.
WARNING = "warning: "
