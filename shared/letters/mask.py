"""Mask: personal data out of sight until somebody says why it has to be seen."""

from collections.abc import Mapping
from typing import Any

from holdfast.shared.domain.registry import domain
from holdfast.shared.letters.bytes_json import Told, tell
from holdfast.shared.queue.codec import raw_resource

#: Fields of an entry that hold nothing personal. Whatever else an entry has may.
_PLAIN = {
    b"schema",
    b"resource",
    b"entity_id",
    b"command",
    b"operation_id",
    b"user_id",
    b"version",
    b"after",
    b"if_match",
    b"if_none_match",
    b"request_id",
    b"traceparent",
    b"expires_at",
    b"notify",
    b"replay",
    b"letter",
}
_PLAIN_MAX_BYTES = 200
#: Of one value; an export has all of it.
_SHOWN_MAX_BYTES = 256 * 1024
_VEIL = "•••"


def fields(original: Mapping[bytes, bytes], *, revealed: bool) -> list[dict[str, Any]]:
    """`{name, value}`, or what stands for the value: `{name, masked, bytes}`, `{name, cut, bytes, value}`."""
    return [_field(name, value, revealed) for name, value in original.items()]


def _field(name: bytes, value: bytes, revealed: bool) -> dict[str, Any]:
    plain = name in _PLAIN and len(value) <= _PLAIN_MAX_BYTES
    shown: Told = tell(name) if revealed or len(name) <= _PLAIN_MAX_BYTES else _VEIL
    if not revealed and not plain:
        return {"name": shown, "masked": True, "bytes": len(value)}
    if len(value) > _SHOWN_MAX_BYTES:
        return {"name": shown, "cut": True, "bytes": len(value), "value": tell(value[:_SHOWN_MAX_BYTES])}
    return {"name": shown, "value": tell(value)}


def payload(told: Any, original: Mapping[bytes, bytes], *, revealed: bool) -> Any:
    """What an entry's payload holds. Plain values of the fields that its resource declares public are shown."""
    resource = domain().by_plural.get(raw_resource(original))
    if revealed or resource is None or not isinstance(told, dict):
        return value(told, revealed=revealed)
    public = {field.name for field in resource.fields if field.public}
    return {
        str(name)[:_PLAIN_MAX_BYTES]: value(each, revealed=name in public and not isinstance(each, dict | list))
        for name, each in told.items()
    }


def value(told: Any, *, revealed: bool) -> Any:
    """A value out of JSON: its shape stays, what it says is veiled."""
    if revealed or told is None:
        return told
    if isinstance(told, dict):
        return {str(name)[:_PLAIN_MAX_BYTES]: value(each, revealed=False) for name, each in told.items()}
    if isinstance(told, list):
        return [value(each, revealed=False) for each in told]
    return told[:1] + _VEIL if isinstance(told, str) else _VEIL
