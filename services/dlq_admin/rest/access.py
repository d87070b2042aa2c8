"""Access: which scope of an API key a request needs. A new route that reads unmasked data or imports writes must be
listed here."""

from holdfast.shared.http.keys import ADMIN, ANNOUNCE, OPERATE, VIEW
from holdfast.shared.http.open_paths import OPEN_PATHS, SAFE_METHODS

#: The console has a login, and its own guard checks it.
_CONSOLE = "/console"
#: Unmasked personal data needs an operator, and letters from outside need an admin. A search of masked values checks
#: for a further scope itself.
_MORE = {"/dlq/export": OPERATE, "/dlq/import": ADMIN, "/dlq/search": VIEW}
#: Paths for machines that announce events.
_ANNOUNCED = ("/alerts", "/faults/", "/recoveries/")


def scope_needed(method: str, path: str) -> str | None:
    """Return the scope that a request needs, or None if no key is needed."""
    if path in OPEN_PATHS or path == "/" or path == _CONSOLE or path.startswith(f"{_CONSOLE}/"):
        return None
    if path in _MORE:
        return _MORE[path]
    if method in SAFE_METHODS:
        return VIEW
    return ANNOUNCE if path.startswith(_ANNOUNCED) else OPERATE
