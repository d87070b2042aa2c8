"""Edits: an entry as a document that a person or a JSON Patch may change, and the document's versions in the
database."""
