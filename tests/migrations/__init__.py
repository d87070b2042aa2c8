"""The schema follows revisions and declarations, and migrations lose no data."""
