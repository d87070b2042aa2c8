"""Access: which scope of an API key a request needs. A new route that reads unmasked data or lets writes in is listed
here."""

from holdfast.shared.http.keys import ADMIN, ANNOUNCE, OPERATE, VIEW
from holdfast.shared.http.open_paths import OPEN_PATHS, SAFE_METHODS

#: People log in: its own guard asks who they are.
_CONSOLE = "/console"
#: Unmasked personal data needs an operator; letters from outside need an admin.
#: A search of masked values asks for more itself.
_MORE = {"/dlq/export": OPERATE, "/dlq/import": ADMIN, "/dlq/search": VIEW}
#: For machines that announce events.
_ANNOUNCED = ("/alerts", "/faults/", "/recoveries/")


def scope_needed(method: str, path: str) -> str | None:
    """None: no key is needed."""
    if path in OPEN_PATHS or path == "/" or path == _CONSOLE or path.startswith(f"{_CONSOLE}/"):
        return None
    if path in _MORE:
        return _MORE[path]
    if method in SAFE_METHODS:
        return VIEW
    return ANNOUNCE if path.startswith(_ANNOUNCED) else OPERATE
