"""Secrets of this clone: drawn once, kept in `.local/secrets`, readable by their owner only."""

import secrets

from deploy.local.places import SECRETS, write_private


def secret(name: str) -> str:
    """The secret called `name`; the first call draws it."""
    path = SECRETS / name
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()
