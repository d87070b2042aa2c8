"""Access: which scope of an API key a request needs."""

from holdfast.shared.http.keys import OPERATE


def scope_needed(_method: str, path: str) -> str | None:
    """Return the scope that the path requires, or None if no key is needed."""
    return OPERATE if path == "/config" or path.startswith("/config/") else None
