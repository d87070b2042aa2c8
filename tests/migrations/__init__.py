"""The schema follows revisions and declarations, and loses nothing."""
