"""Ids: brings the ids that clients send into one form."""

import re

_CHARS = 36
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def canonical(raw: str) -> str | None:
    """Return a UUID in its one form, or None if `raw` is not a UUID and so cannot be an id."""
    if len(raw) != _CHARS:
        return None
    lower = raw.lower()
    return lower if _UUID.fullmatch(lower) else None


def canonical_path(path: str) -> str:
    """Return the one form of all paths that name the same thing."""
    return "/".join(canonical(part) or part for part in path.split("/"))
