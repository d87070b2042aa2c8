"""Secrets of this clone: generated once, and kept in `.local/secrets`, readable by their owner only."""

import hashlib
import secrets
from pathlib import Path

from deploy.local.places import SECRETS, write_private, write_private_once


def secret(name: str) -> str:
    """Return the secret called `name`, which the first call generates."""
    path = SECRETS / name
    if not path.exists():
        write_private_once(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


def keys_file() -> Path:
    """Write the services' API keys, hashed: the operator's and Alertmanager's. Lines added by hand stay."""
    path = SECRETS / "api_keys"
    for name, scope in (("operator", "admin"), ("alertmanager", "announce")):
        digest = hashlib.sha256(secret(f"{name}_token").encode()).hexdigest()
        line = f"{name} {scope} {digest}"
        written = path.read_text().splitlines() if path.exists() else []
        if [each for each in written if digest in each] != [line]:  # an earlier release may have given it other scopes
            rest = [each for each in written if digest not in each]
            write_private(path, "\n".join([*rest, line, ""]))
    return path
