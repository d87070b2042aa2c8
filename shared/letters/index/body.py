"""Body: the original fields and the attempts of a letter, stored in parts that are small enough for every server."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from holdfast.shared.letters.bytes_json import fields_from_json, fields_to_json
from holdfast.shared.letters.index.statements import insert, many, rows_with
from holdfast.shared.letters.letter import Letter

_PART_BYTES = 512 * 1024
_INSERT = insert("dead_letter_bodies", ("letter_id", "part", "body"))
_SELECT = "SELECT letter_id, body FROM dead_letter_bodies WHERE letter_id IN ({}) ORDER BY letter_id, part"


class Body(NamedTuple):
    """The content of a letter that is too large for a row in a list."""

    original: Mapping[bytes, bytes]
    attempts: list[dict[str, Any]]


def write(connection: sa.Connection, letters: Iterable[Letter]) -> None:
    """Insert the bodies of new letters."""
    rows: list[tuple[int, int, bytes]] = []
    for letter in letters:
        json = orjson.dumps({"original": fields_to_json(letter.original), "attempts": letter.attempts})
        for part, at in enumerate(range(0, len(json), _PART_BYTES)):
            rows.append((letter.number, part, json[at : at + _PART_BYTES]))
    many(connection, _INSERT, rows)


def load(connection: sa.Connection, numbers: Iterable[int]) -> dict[int, Body]:
    """Return the bodies by letter."""
    parts: dict[int, list[bytes]] = {}
    for number, part in rows_with(connection, _SELECT, numbers):
        parts.setdefault(number, []).append(part)
    return {number: _read(b"".join(found)) for number, found in parts.items()}


def _read(json: bytes) -> Body:
    body = orjson.loads(json)
    return Body(fields_from_json(body["original"]), body["attempts"])
