"""Migrations: the steps of the schema, and the tables of declared resources."""

#: Precedes a line about a schema that is not as declared.
WARNING = "warning: "
