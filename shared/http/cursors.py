"""Cursors: the mark at the end of each cursor, which identifies the list that issued it. The list itself defines the
position before the mark."""

import hashlib


def mark(of: str) -> str:
    """Return the mark for the list of this name."""
    return hashlib.blake2s(of.encode(), digest_size=3).hexdigest()
