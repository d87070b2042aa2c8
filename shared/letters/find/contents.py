"""Contents: whether a payload contains a text in a value that the reader may see. Pure."""

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from holdfast.shared.errors import DocumentTooLarge
from holdfast.shared.letters import mask
from holdfast.shared.runtime.documents import parse


@dataclass(frozen=True, slots=True)
class Contents:
    """A text that a value contains, in any case. `field`: only in the field of this name, at any depth."""

    text: str
    field: str | None = None


def holds(fields: Mapping[bytes, bytes], wanted: Contents, *, revealed: bool) -> bool:
    """Return whether the payload of an entry contains the text. Unless `revealed`, only values that are shown to
    everybody count."""
    raw = fields.get(b"payload", b"")
    text = _folded(wanted.text)
    try:
        json = parse(raw)
    except (ValueError, DocumentTooLarge):  # not JSON, so it has no fields
        return revealed and wanted.field is None and text in _folded(raw.decode("utf-8", "replace"))
    if not revealed:
        public = mask.public_fields(fields)
        shown = json.items() if isinstance(json, dict) else ()
        json = {name: each for name, each in shown if mask.is_shown(name, each, public)}
    return any(text in _folded(each) for each in _values(json, wanted.field))


def _values(json: Any, field: str | None) -> Iterator[str]:
    """Yield every plain value as text. With `field`, only those in the field of this name, at any depth."""
    waiting = [(json, field is None)]
    while waiting:
        value, counts = waiting.pop()
        if isinstance(value, dict):
            waiting += [(each, counts or name == field) for name, each in value.items()]
        elif isinstance(value, list):
            waiting += [(each, counts) for each in value]
        elif counts:
            yield value if isinstance(value, str) else orjson.dumps(value).decode()


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
