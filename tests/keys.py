"""API keys for tests: one for each scope, and a second one that writes."""

import hashlib
from pathlib import Path

READER, WRITER, OTHER, OPERATOR = "key-reader", "key-writer", "key-other", "key-operator"
VIEWER, ADMIN, ANNOUNCER = "key-viewer", "key-admin", "key-announcer"

_SCOPES = {READER: "read", WRITER: "read,write", OTHER: "read,write", OPERATOR: "operate", VIEWER: "view",
           ADMIN: "admin", ANNOUNCER: "announce"}  # fmt: skip


def bearer(key: str) -> dict[str, str]:
    """Return the Authorization header for a key."""
    return {"Authorization": f"Bearer {key}"}


def in_both(key: str) -> dict[str, str]:
    """Return both headers that may hold a key, with the same key. A request whose two keys differ is refused."""
    return bearer(key) | {"X-API-Key": key}


def written_to(folder: Path) -> Path:
    """Write the keys file with all keys to `folder`, and return its path."""
    path = folder / "keys"
    lines = [f"{key} {scopes} {hashlib.sha256(key.encode()).hexdigest()}\n" for key, scopes in _SCOPES.items()]
    path.write_text("".join(lines))
    return path
