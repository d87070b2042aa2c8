"""Reads YAML with libyaml, in a tenth of the time that the same reader in Python takes."""

from typing import Any

import yaml


def document(text: str) -> Any:
    """Return the only document in `text`."""
    return yaml.load(text, yaml.CSafeLoader)


def documents(text: str) -> list[Any]:
    """Return all documents in `text`, in order."""
    return list(yaml.load_all(text, yaml.CSafeLoader))
