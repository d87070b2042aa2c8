"""Entries: realistic mistakes, as fields of the write stream. Pure."""

import json
import uuid
from collections.abc import Iterator
from itertools import cycle, islice
from random import Random

Fields = dict[str, bytes]

_NAMES = ("Ada Lovelace", "Edsger Dijkstra", "Grace Hopper", "Barbara Liskov", "Niklaus Wirth", "Radia Perlman")
_LONG = (
    "Don Pablo Diego José Francisco de Paula Juan Nepomuceno María de los Remedios Cipriano de la Santísima Trinidad "
)
_HOSTILE = "<script>alert('out')</script><img src=x onerror=alert(1)> \u202egnp.exe\u202c \u200b‏שלום‏ " * 4
GOOD = "good"
_AGO_US = 1_000_000
#: How often each mistake happens, out of ten.
_TEN = (
    "moved_on",
    "moved_on",
    "moved_on",
    "too_long",
    "moved_on",
    "no_text",
    "too_long",
    "moved_on",
    "hostile",
    "later",
)
MEANING = {
    "moved_on": "a producer calls the field `full_name`, which this build does not know",
    "too_long": "a name longer than its column",
    "no_text": "bytes that are no text",
    "hostile": "a name that would be a script, if a page let it, and too long",
    "later": "a schema of a later release",
}


def poison(count: int, now_us: int, seed: int, *, good_each: int = 0) -> Iterator[tuple[str, Fields]]:
    """Yield (mistake, fields) `count` times, each followed by `good_each` good writes. `now_us`: in Unix microseconds.
    Versions are a second old, because a version that is newer than its entry's id would be a mistake of its own."""
    random = Random(seed)  # noqa: S311 - no secret comes of it
    mishaps = (each for mishap in islice(cycle(_TEN), count) for each in (mishap, *[GOOD] * good_each))
    for at, mishap in enumerate(mishaps):
        name = random.choice(_NAMES)
        user, operation = (str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(2))
        email = f"{name.split()[0].lower()}.{user[:8]}@example.com"
        yield mishap, _fields(mishap, name, email, user, operation, now_us - _AGO_US + at)


def _fields(mishap: str, name: str, email: str, user_id: str, operation_id: str, version: int) -> Fields:
    schema, payload = b"2", json.dumps({"name": name, "email": email}).encode()
    match mishap:
        case "moved_on":
            payload = json.dumps({"full_name": name, "email": email}).encode()
        case "too_long":
            payload = json.dumps({"name": _LONG * 3 + name, "email": email}).encode()
        case "hostile":
            payload = json.dumps({"name": _HOSTILE, "email": email}).encode()
        case "no_text":
            payload = b'{"name": "' + name.encode("utf-16") + b'\xff\x00\x9c", "email": '
        case "later":
            schema = b"3"
        case _:
            pass
    return {
        "schema": schema,
        "resource": b"users",
        "command": b"CreateUser",
        "operation_id": operation_id.encode(),
        "entity_id": user_id.encode(),
        "version": str(version).encode(),
        "payload": payload,
    }
