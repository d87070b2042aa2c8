"""API keys for tests, one per scope and one more."""

import hashlib
from pathlib import Path

READER, WRITER, OTHER, OPERATOR = "key-reader", "key-writer", "key-other", "key-operator"
VIEWER, ADMIN, ANNOUNCER = "key-viewer", "key-admin", "key-announcer"

_SCOPES = {READER: "read", WRITER: "read,write", OTHER: "read,write", OPERATOR: "operate", VIEWER: "view",
           ADMIN: "admin", ANNOUNCER: "announce"}  # fmt: skip


def bearer(key: str) -> dict[str, str]:
    """The header of a request."""
    return {"Authorization": f"Bearer {key}"}


def in_both(key: str) -> dict[str, str]:
    """It in either header that may hold one; a request with two that differ is refused."""
    return bearer(key) | {"X-API-Key": key}


def written_to(folder: Path) -> Path:
    """The keys file that holds them all."""
    path = folder / "keys"
    lines = [f"{key} {scopes} {hashlib.sha256(key.encode()).hexdigest()}\n" for key, scopes in _SCOPES.items()]
    path.write_text("".join(lines))
    return path
