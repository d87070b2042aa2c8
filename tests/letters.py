"""Dead letters for tests, with the fields that a writer puts on the stream."""

import itertools
import json
import random
import uuid
from datetime import UTC, datetime
from typing import Any

from holdfast.shared.letters.dead_letter import describe
from holdfast.shared.letters.letter import Letter, read
from holdfast.shared.writes.outcome import Reason
from holdfast.shared.writes.versions import wall_clock

_BEGAN_MS = 1_764_000_000_000
#: Entry ids, each used once: an entry can be dead-lettered only once.
_ENTRIES = itertools.count(random.getrandbits(40))
TRACEBACK = '  File "/srv/shared/store/apply.py", line 64, in apply\n    _write(connection, decision, known)\n'


def fields(
    *, code: str = "1406", command: str = "CreateUser", user_id: str = "", operation_id: str = "", name: str = "Ann",
    reason: Reason = Reason.INVALID_DATA, build: str = "0.1.0+a", error: str = "database error 1406", **more: Any,
) -> dict[bytes, bytes]:  # fmt: skip
    """Return the fields of a dead letter: a valid write that the database refused, accepted now. If it were old, it
    could no longer be replayed once the auditor has moved the horizon."""
    original = {
        b"schema": b"2",
        b"resource": b"users",
        b"command": command.encode(),
        b"operation_id": (operation_id or str(uuid.uuid4())).encode(),
        b"entity_id": (user_id or str(uuid.uuid4())).encode(),
        b"version": str(wall_clock()).encode(),
        b"payload": json.dumps({"name": name, "email": f"{name.lower()}@example.com"}).encode(),
    }
    original |= more.get("original", {})
    attempt = {
        "at": datetime.now(UTC).isoformat(), "writer": "writer-1", "build": build, "kind": "BadData", "code": code,
        "error": error, "traceback": TRACEBACK,
    }  # fmt: skip
    described = describe(more.get("entry_id", f"1764000000000-{next(_ENTRIES)}"), original, reason, attempt)
    letter = {name.encode(): value.encode() for name, value in described.items()} | {b"attempts": b"[]"}
    return letter | {b"original." + name: value for name, value in original.items()}


def letter(number: int, **about: Any) -> Letter:
    """Return the same dead letter, parsed. `number`: milliseconds after a fixed time."""
    return read(f"{_BEGAN_MS + number}-0", fields(**about))
