"""Edits: an entry as a document that a person or a JSON Patch may change, and its versions in the database."""
