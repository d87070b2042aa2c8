"""Letter: reads a dead letter from its entry on the dead-letter stream. Reading never fails because of the fields: any
entry is kept whole, and as far as possible in the letter's own columns."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from holdfast.shared.errors import DocumentTooLarge
from holdfast.shared.letters import packed
from holdfast.shared.letters.dead_letter import own_frame
from holdfast.shared.letters.ids import number_of, time_of
from holdfast.shared.queue.codec import raw_entity_id, raw_resource, raw_text
from holdfast.shared.runtime.documents import parse
from holdfast.shared.writes.commands import LABEL_MAX_CHARS

_ORIGINAL, _PACKED = b"original.", b"original_packed"
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")
_ENTRY = re.compile(r"(0|[1-9][0-9]{0,19})-(0|[1-9][0-9]{0,19})")
_ENTRY_PART_MAX = 2**64 - 1
_TEXT_MAX_CHARS, _ERROR_MAX_CHARS, _FRAME_MAX_CHARS = 100, 1000, 200
_COMMAND_MAX_CHARS = LABEL_MAX_CHARS
_YEAR_MIN = 1970
_VERSION_MAX_CHARS = 16


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. An id that the original lacks, or has in an implausible form, is None."""

    number: int
    fingerprint: str
    reason: str
    kind: str
    code: str
    error: str
    frame: str
    dead_at: datetime
    writer: str
    build: str
    entry_id: str
    #: The fields of the dead-lettered entry, verbatim.
    original: Mapping[bytes, bytes] = field(repr=False)
    #: All attempts as the writers recorded them, the last one included.
    attempts: list[dict[str, Any]] = field(repr=False)

    @property
    def operation_id(self) -> str | None:
        """The operation id of the write."""
        return raw_text(self.original, b"operation_id") or None

    @property
    def resource(self) -> str | None:
        """The plural name of the write's resource, if this build knows the resource."""
        return raw_resource(self.original) or None

    @property
    def entity_id(self) -> str | None:
        """The id of the entity that the write changes."""
        return raw_entity_id(self.original) or None

    @property
    def command(self) -> str:
        """The command's name in the entry, whether this build knows the command or not."""
        return _cut(self.original.get(b"command", b""), _COMMAND_MAX_CHARS)

    @property
    def version(self) -> int | None:
        """The version of the write."""
        value = raw_text(self.original, b"version")
        return int(value) if value.isdigit() and len(value) <= _VERSION_MAX_CHARS else None

    @property
    def names_an_entry(self) -> bool:
        """Whether the letter names an entry of the write stream. A letter that was put on the dead-letter stream by
        hand does not, and no write was accepted for it."""
        return names_an_entry(self.entry_id)

    @property
    def size_bytes(self) -> int:
        """The size of the original fields, names and values."""
        return sum(len(name) + len(value) for name, value in self.original.items())


def read(entry_id: str, fields: Mapping[bytes, bytes]) -> Letter:
    """Return the letter that an entry of the dead-letter stream holds. Raises ValueError only for an `entry_id` that no
    stream gives out."""
    number = number_of(entry_id)
    last = _object(fields.get(b"last_attempt", b""))
    reason, error = _cut(fields.get(b"reason", b"unknown"), 32), _cut(fields.get(b"error", b""), _ERROR_MAX_CHARS)
    return Letter(
        number=number,
        fingerprint=_fingerprint(fields, reason, error),
        reason=reason,
        kind=_named(last, "kind"),
        code=_named(last, "code"),
        error=error,
        frame=own_frame(str(last.get("traceback", "")))[:_FRAME_MAX_CHARS],
        dead_at=moment(fields.get(b"dead_at", b"")) or time_of(number),
        writer=_cut(fields.get(b"writer", b""), _TEXT_MAX_CHARS),
        build=_cut(fields.get(b"build", b""), _TEXT_MAX_CHARS),
        entry_id=raw_text(fields, b"entry_id"),
        original=_original(fields),
        attempts=_attempts(fields.get(b"attempts", b""), last),
    )


def names_an_entry(entry_id: str) -> bool:
    """Return whether a stream can have given this id to an entry: two 64-bit numbers without leading zeros, not
    `0-0`."""
    match = _ENTRY.fullmatch(entry_id)
    return match is not None and 0 < max(int(part) for part in match.groups()) <= _ENTRY_PART_MAX


def _original(fields: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    if _PACKED in fields:
        try:
            flat = packed.unpack(fields[_PACKED])
            return dict(zip(flat[::2], flat[1::2], strict=True))
        except ValueError:
            return {_PACKED: fields[_PACKED]}
    return {name.removeprefix(_ORIGINAL): value for name, value in fields.items() if name.startswith(_ORIGINAL)}


def _attempts(raw: bytes, last: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all attempts. The writer lists the charged attempts, and the last attempt separately as the letter's
    reason. The last one is added unless it is the last in the list already."""
    try:
        value = parse(raw)
    except (ValueError, DocumentTooLarge):
        value = []
    attempts = [attempt for attempt in value if isinstance(attempt, dict)] if isinstance(value, list) else []
    known = attempts and all(attempts[-1].get(name) == last.get(name) for name in ("kind", "code", "error", "writer"))
    return attempts if known or not last else [*attempts, last]


def _fingerprint(fields: Mapping[bytes, bytes], reason: str, error: str) -> str:
    """Return the writer's fingerprint, or a new one for a letter that no writer wrote."""
    value = fields.get(b"fingerprint", b"").decode("ascii", "replace")
    return value if _FINGERPRINT.fullmatch(value) else hashlib.sha256(f"{reason}|{error}".encode()).hexdigest()[:16]


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = parse(raw)
    except (ValueError, DocumentTooLarge):
        return {}
    return value if isinstance(value, dict) else {}


def _named(attempt: dict[str, Any], name: str) -> str:
    return str(attempt.get(name, ""))[:_TEXT_MAX_CHARS]


def _cut(value: bytes, chars: int) -> str:
    return value.decode("utf-8", "backslashreplace")[:chars]


def moment(raw: bytes) -> datetime | None:
    """Return the date and time since 1970 that a field holds, in UTC unless it has an offset, or None."""
    try:
        value = datetime.fromisoformat(raw.decode("ascii"))
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return value if value.year >= _YEAR_MIN else None
    except (ValueError, OverflowError):
        return None
