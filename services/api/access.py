"""Access: which scope of an API key a request needs."""

from holdfast.shared.http.keys import OPERATE, READ, WRITE
from holdfast.shared.http.open_paths import OPEN_PATHS, SAFE_METHODS


def scope_needed(method: str, path: str) -> str | None:
    """Return the scope that the request requires, or None if the path is open to everybody."""
    if path in OPEN_PATHS:
        return None
    if method in SAFE_METHODS:
        return READ
    return OPERATE if path.startswith("/circuit-breaker/") else WRITE
