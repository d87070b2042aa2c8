"""Codec: a write <-> the fields of a stream entry. Plain fields, so that `redis-cli XRANGE` is readable."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from holdfast.shared.writes.commands import COMMANDS, Command, Write
from holdfast.shared.writes.versions import VERSION_MAX, from_stream_id

SCHEMA = b"1"

_PAYLOADS: dict[bytes, TypeAdapter[Command]] = {name.encode(): TypeAdapter(model) for name, model in COMMANDS.items()}
_REQUIRED = (b"schema", b"command", b"operation_id", b"user_id", b"version", b"payload")
_ID_MAX_BYTES = 36


class Undecodable(Exception):
    """The entry is not a write of this schema. The message names what is wrong and never the payload."""


def encode(write: Write) -> dict[str, str]:
    """The fields of a write's entry, as `accept.lua` writes them."""
    fields = {
        "schema": SCHEMA.decode(),
        "command": type(write.command).__name__,
        "operation_id": write.operation_id,
        "user_id": write.user_id,
        "version": str(write.version),
        "payload": write.command.model_dump_json(exclude_none=True),
    }
    optional = {
        "after": write.after,
        "if_match": _listed(write.if_match),
        "if_none_match": _listed(write.if_none_match),
        "body_hash": write.body_hash,
        "request_id": write.request_id,
        "traceparent": write.traceparent,
        "expires_at": write.expires_at,
        "notify": write.notify,
        "replay": write.replay,
    }
    return fields | {name: str(value) for name, value in optional.items() if value not in (None, "")}


def decode(fields: Mapping[bytes, bytes], entry_id: str = "") -> Write:
    """The write that an entry holds. `entry_id`: whose it is, if it is on a stream; a version is never newer than its
    entry, as a replay is a newer entry with the old version. Raises Undecodable."""
    if missing := [name.decode() for name in _REQUIRED if name not in fields]:
        raise Undecodable(f"missing fields: {', '.join(missing)}")
    if fields[b"schema"] != SCHEMA:
        raise Undecodable("unknown schema")
    payload = _PAYLOADS.get(fields[b"command"])
    if payload is None:
        raise Undecodable("unknown command")
    try:
        write = Write(
            _id(fields[b"operation_id"]),
            _id(fields[b"user_id"]),
            payload.validate_json(fields[b"payload"]),
            _version(fields[b"version"]),
        )
        if entry_id and write.version > from_stream_id(entry_id):
            raise Undecodable("the version is newer than its entry")
        return write if len(fields) == len(_REQUIRED) else write._replace(**_optional(fields))
    except ValidationError as error:
        places = sorted({f"{'.'.join(map(str, e['loc'])) or 'payload'}: {e['type']}" for e in error.errors()})
        raise Undecodable(f"payload is not a {fields[b'command'].decode()}: {'; '.join(places)}") from None
    except UnicodeDecodeError:
        raise Undecodable("a field is not text") from None


def _optional(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """What most writes do without. Fields that nobody knows are somebody's later schema: they are left alone."""
    return {name: read(fields[name.encode()]) for name, read in _OPTIONAL.items() if name.encode() in fields}


def raw_text(fields: Mapping[bytes, bytes], name: bytes) -> str:
    """A field of an entry that may be anything; empty when absent or not short ASCII."""
    value = fields.get(name, b"")
    return value.decode("ascii") if len(value) <= _ID_MAX_BYTES and value.isascii() else ""


def _id(value: bytes) -> str:
    if not 0 < len(value) <= _ID_MAX_BYTES:
        raise Undecodable("an id is empty or too long")
    return value.decode("ascii")


def _version(value: bytes) -> int:
    if not value.isdigit() or not 0 < int(value[:17]) < VERSION_MAX or len(value) > 16:
        raise Undecodable("a version is not a positive integer below 2**53")
    return int(value)


def _versions(value: bytes) -> tuple[int, ...]:
    """`7`, or `7,9`."""
    return tuple(_version(one) for one in value.split(b","))


def _listed(versions: Iterable[int | str]) -> str:
    return ",".join(map(str, versions))


def _ascii(value: bytes) -> str:
    return value.decode("ascii")


def _hint(value: bytes) -> str:
    """What is only about traces makes no write undecodable."""
    return value.decode("ascii", "replace")


_OPTIONAL: dict[str, Callable[[bytes], Any]] = {
    "after": _id,
    "if_match": _versions,
    "if_none_match": lambda value: "*" if value == b"*" else _versions(value),
    "body_hash": _ascii,
    "request_id": _ascii,
    "traceparent": _hint,
    "expires_at": _version,
    "notify": _ascii,
    "replay": _hint,
}
