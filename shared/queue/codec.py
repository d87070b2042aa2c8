"""Codec: a write <-> the fields of a stream entry. The fields are plain, so that `redis-cli XRANGE` is readable.

Schema 2 names the resource and the entity. Schema 1 has a `user_id`, and its command implies the resource. Both schemas
are decoded; only schema 2 is encoded.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import orjson
from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticKnownError

from holdfast.shared.domain.resource_type import NOT_AS_DECLARED
from holdfast.shared.queue.build import build
from holdfast.shared.queue.payloads import Payload, payloads
from holdfast.shared.writes.commands import Command, Write, label
from holdfast.shared.writes.versions import VERSION_MAX, from_stream_id

SCHEMA = b"2"
_SCHEMA_1 = b"1"

_COMMON = (b"command", b"operation_id", b"version", b"payload")
#: The field that holds the entity's id: in schema 2, and in schema 1.
ENTITY_ID_FIELDS = (b"entity_id", b"user_id")
_REQUIRED = {
    SCHEMA: (ENTITY_ID_FIELDS[0], b"schema", b"resource", *_COMMON),
    _SCHEMA_1: (ENTITY_ID_FIELDS[1], b"schema", *_COMMON),
}
#: The schemas that this build can decode.
SCHEMAS = tuple(_REQUIRED)
_KNOWN = ", ".join(sorted(schema.decode() for schema in SCHEMAS))
_ID_MAX_BYTES = 36
_VERSION_MAX_DIGITS = len(str(VERSION_MAX))
_OWN_WORDS = {"missing": "missing", "extra_forbidden": "unknown field", "json_invalid": "not JSON"}
#: What a schema of another build may look like; and the name of a resource, a command or a field.
_NUMBER, _NAME = re.compile(rb"[1-9][0-9]{0,8}"), re.compile(rb"[A-Za-z][A-Za-z0-9_]{0,99}")


class Undecodable(Exception):
    """The entry is not a write of any build. The message names field and problem, and never quotes the payload."""


class UnknownWrite(Undecodable):
    """The entry may be a write of another build: this build does not know its schema, resource, command or a field, or
    another build accepted it, whose declaration may allow its values."""


class _NotAsDeclared(Undecodable):
    """The payload does not match this build's declaration."""


def encode(write: Write) -> dict[str, str]:
    """Return the fields of a write's entry, as `accept.lua` writes them. Only tests use it: `tests/upgrade`
    records the entries of a release, which the next release must decode."""
    fields = {
        "schema": SCHEMA.decode(),
        "resource": write.command.resource.plural,
        "command": label(write.command),
        "operation_id": write.operation_id,
        "entity_id": write.entity_id,
        "version": str(write.version),
        "payload": encode_payload(write.command).decode(),
    }
    optional = {
        "build": build(),
        "after": write.after,
        "if_match": _listed(write.if_match),
        "if_none_match": _listed(write.if_none_match),
        "body_hash": write.body_hash,
        "key_hash": write.key_hash,
        "key_unsure": "1" if write.key_unsure else "",
        "request_id": write.request_id,
        "traceparent": write.traceparent,
        "expires_at": write.expires_at,
        "notify": write.notify,
        "replay": write.replay,
    }
    return fields | {name: str(value) for name, value in optional.items() if value not in (None, "")}


def encode_payload(command: Command) -> bytes:
    """Return the command's values as JSON text."""
    return orjson.dumps(command.values)


def decode(fields: Mapping[bytes, bytes], entry_id: str = "", command: Command | None = None) -> Write:
    """Return the write that an entry holds.

    `entry_id`: the id on the stream, if there is one. A version is never newer than its entry: a replay is a newer
    entry with the old version. `command`: the command that the payload was made from, if the caller has it, whose
    values are already checked. Raises UnknownWrite or Undecodable.
    """
    required = _required(fields)
    try:
        payload = _payload(fields)
        write = Write(
            _id(fields[b"operation_id"]),
            _id(fields[required[0]]),
            command or decode_payload(payload, fields[b"payload"]),
            _version(fields[b"version"]),
            **_optional(fields),
        )
        if entry_id and write.version > from_stream_id(entry_id):
            raise Undecodable("the version is newer than its entry")
        return write
    except UnicodeDecodeError:
        raise Undecodable("a field is not text") from None
    except _NotAsDeclared as problem:
        if fields.get(b"build", own := build().encode()) == own:
            raise
        raise UnknownWrite(f"{problem}; accepted by another build") from None


def decode_payload(payload: Payload, text: bytes) -> Command:
    """Return the command that JSON text holds. Raises UnknownWrite or Undecodable, or a subclass."""
    try:
        return payload.command(text)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    places = sorted({f"{_place(problem['loc'])}: {_rule(problem)}" for problem in problems})
    kinds = {problem["type"] for problem in problems}
    kind = UnknownWrite if "extra_forbidden" in kinds else Undecodable if "json_invalid" in kinds else _NotAsDeclared
    raise kind(f"payload is not a {payload.label}: {'; '.join(places)}")


def _rule(problem: ErrorDetails) -> str:
    """Return the problem in words that quote nothing of the value: the declared message, or a general one."""
    kind = problem["type"]
    return problem["msg"] if kind == NOT_AS_DECLARED else _OWN_WORDS.get(kind) or _in_general(kind)


def _in_general(kind: str) -> str:
    try:
        words = PydanticKnownError(kind).message()  # type: ignore[arg-type]  # any of pydantic's error types
    except (TypeError, KeyError):  # the message would quote the value, or the error is not one of pydantic's own
        return kind.replace("_", " ")
    return words[:1].lower() + words[1:]


def _place(where: tuple[int | str, ...]) -> str:
    """Return the path of a field. A path that is not a plain name may hold anything, and is not quoted."""
    text = ".".join(map(str, where)) or "payload"
    return text if _NAME.fullmatch(text.encode("utf-8", "replace")) else "a field"


def _required(fields: Mapping[bytes, bytes]) -> tuple[bytes, ...]:
    """Return the fields that an entry of this schema has, the entity's id first. Raises UnknownWrite or Undecodable."""
    schema = fields.get(b"schema", SCHEMA)
    required = _REQUIRED.get(schema)
    if required is None:
        if _NUMBER.fullmatch(schema):
            raise UnknownWrite(f"unknown schema, known: {_KNOWN}")
        raise Undecodable("the schema is not a number")
    if missing := [name.decode() for name in required if name not in fields]:
        raise Undecodable(f"missing fields: {', '.join(missing)}")
    return required


def _payload(fields: Mapping[bytes, bytes]) -> Payload:
    payload = payloads().get(fields[b"command"])
    resource = fields.get(b"resource")
    if payload is not None and resource in (None, payload.resource.plural.encode()):
        return payload
    for name in (b"resource", b"command"):
        if not _NAME.fullmatch(fields.get(name, b"unnamed")):
            raise Undecodable(f"the {name.decode()} is not a name")
    if resource is not None and all(resource != known.resource.plural.encode() for known in payloads().values()):
        raise UnknownWrite("unknown resource")
    if payload is not None:
        raise Undecodable("the command is another resource's")
    raise UnknownWrite("unknown command")


def _optional(fields: Mapping[bytes, bytes]) -> dict[str, Any]:
    """Return the optional fields, which most writes do not have. Unknown fields belong to a later schema and are
    ignored."""
    return {name: read(fields[raw]) for raw, name, read in _OPTIONAL if raw in fields}


def read_conditions(listed: bytes) -> dict[str, Any]:
    """Return the conditions under which a write is applied, read from the form that the queue keeps beside the payload:
    `if_match=7,9;expires_at=8`. Raises UnknownWrite for a condition of another build, or Undecodable."""
    pairs = (each.partition(b"=") for each in listed.split(b";"))
    named = {name.decode("ascii", "replace"): value for name, _, value in pairs}
    if not named.keys() <= _CONDITIONS:
        raise UnknownWrite("unknown condition")
    return {name: _READERS[name](value) for name, value in named.items()}


def raw_text(fields: Mapping[bytes, bytes], name: bytes) -> str:
    """Return a field of an entry with any content, or an empty text if the field is absent or not short ASCII."""
    value = fields.get(name, b"")
    return value.decode("ascii") if len(value) <= _ID_MAX_BYTES and value.isascii() else ""


def raw_entity_id(fields: Mapping[bytes, bytes]) -> str:
    """Return the id of the entity that an entry of any schema is about, or an empty text as `raw_text` does."""
    return next(filter(None, (raw_text(fields, name) for name in ENTITY_ID_FIELDS)), "")


def raw_resource(fields: Mapping[bytes, bytes]) -> str:
    """Return the plural name of the resource that an entry of any schema is about, or an empty text if this build does
    not know the resource."""
    by_command = payloads().get(fields.get(b"command", b""))
    named = fields.get(b"resource", by_command.resource.plural.encode() if by_command else b"")
    return next((each.resource.plural for each in payloads().values() if each.resource.plural.encode() == named), "")


def _id(value: bytes) -> str:
    if not 0 < len(value) <= _ID_MAX_BYTES:
        raise Undecodable("an id is empty or too long")
    return value.decode("ascii")


def _version(value: bytes) -> int:
    if len(value) <= _VERSION_MAX_DIGITS and value.isdigit() and 0 < (version := int(value)) < VERSION_MAX:
        return version
    raise Undecodable("a version is not a positive integer below 2**53")


def _versions(value: bytes) -> tuple[int, ...]:
    """Read `7` or `7,9`."""
    return tuple(_version(one) for one in value.split(b","))


def _listed(versions: Iterable[int | str]) -> str:
    return ",".join(map(str, versions))


def _ascii(value: bytes) -> str:
    return value.decode("ascii")


def _hint(value: bytes) -> str:
    """Read a field that serves only traces and records, which never makes a write undecodable."""
    return value.decode("ascii", "replace")


_READERS: dict[str, Callable[[bytes], Any]] = {
    "after": _id,
    "if_match": _versions,
    "if_none_match": lambda value: "*" if value == b"*" else _versions(value),
    "body_hash": _ascii,
    "key_hash": _ascii,
    "key_unsure": lambda value: value == b"1",
    "request_id": _ascii,
    "traceparent": _hint,
    "expires_at": _version,
    "notify": _ascii,
    "replay": _hint,
}
_CONDITIONS = {"if_match", "if_none_match", "expires_at"}
_OPTIONAL = [(name.encode(), name, read) for name, read in _READERS.items()]
