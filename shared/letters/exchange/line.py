"""Line: turns a dead letter into one line of an export, and back. A line holds all that the table cannot derive."""

import re
from collections.abc import Mapping
from typing import Any

from holdfast.shared.letters.bytes_json import fields_from_json, fields_to_json
from holdfast.shared.letters.ids import id_of, number_of
from holdfast.shared.letters.letter import Letter, moment
from holdfast.shared.runtime.timestamps import precise

_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_ID_MAX_CHARS = 40
#: Name of a text -> most characters.
_TEXTS = {
    "reason": 32,
    "kind": 100,
    "code": 100,
    "error": 1000,
    "frame": 200,
    "writer": 100,
    "build": 100,
    "entry_id": 36,
}


def to_line(
    number: int, about: Mapping[str, Any], original: Mapping[bytes, bytes], attempts: list[Any]
) -> dict[str, Any]:
    """Return the line of a letter. `about`: the columns of the letter's row. The line has the state for readers only;
    an import ignores it."""
    return {
        "id": id_of(number),
        "state": about["state"],
        "fingerprint": about["fingerprint"],
        "dead_at": precise(about["dead_at"]),
        **{name: about[name] for name in _TEXTS},
        "original": fields_to_json(original),
        "attempts": attempts,
    }


def from_line(line: Any) -> Letter:
    """Return the letter that a line holds. Raises ValueError, whose message never quotes the line."""
    if not isinstance(line, dict):
        raise ValueError("not an object")
    for name in ("id", "fingerprint", "dead_at", *_TEXTS):
        if not isinstance(line.get(name), str) or len(line[name]) > _TEXTS.get(name, _ID_MAX_CHARS):
            raise ValueError(f"{name} is no text, or too long")
    if not _FINGERPRINT.fullmatch(line["fingerprint"]):
        raise ValueError("fingerprint is not 16 hexadecimal digits")
    if not line["entry_id"].isascii():
        raise ValueError("entry_id is not ASCII")
    attempts = line.get("attempts")
    if not isinstance(attempts, list) or not all(isinstance(attempt, dict) for attempt in attempts):
        raise ValueError("attempts is not a list of objects")
    number = number_of(line["id"])
    if (dead_at := moment(line["dead_at"].encode())) is None:
        raise ValueError("dead_at is not a date and time since 1970")
    return Letter(
        number=number,
        fingerprint=line["fingerprint"],
        dead_at=dead_at,
        original=fields_from_json(line.get("original")),
        attempts=attempts,
        **{name: line[name] for name in _TEXTS},
    )
