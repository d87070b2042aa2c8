"""Access: which scope of an API key a request needs."""

from shared.http.keys import OPERATE, READ, WRITE

_OPEN = {"/health", "/livez", "/readyz", "/metrics", "/docs", "/redoc", "/openapi.json"}
_SAFE = {"GET", "HEAD", "OPTIONS"}


def scope_needed(method: str, path: str) -> str | None:
    """None: anybody may."""
    if path in _OPEN:
        return None
    if method in _SAFE:
        return READ
    return OPERATE if path.startswith("/circuit-breaker/") else WRITE
