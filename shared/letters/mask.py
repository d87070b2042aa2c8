"""Mask: hides personal data until an operator gives a reason to see it."""

from collections.abc import Mapping
from typing import Any

from holdfast.shared.domain.registry import domain
from holdfast.shared.letters.bytes_json import BytesJson, bytes_to_json
from holdfast.shared.queue.codec import ENTITY_ID_FIELDS, raw_resource

#: Fields of an entry that hold nothing personal. Every other field may.
_PLAIN = {
    b"schema",
    b"resource",
    *ENTITY_ID_FIELDS,
    b"command",
    b"operation_id",
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
    b"build",
    b"key_hash",
    b"key_unsure",
}
_PLAIN_MAX_BYTES = 200
#: Most bytes of one value that are shown; an export has the whole value.
_SHOWN_MAX_BYTES = 256 * 1024
_HIDDEN = "•••"
_HINT_MIN_CHARS = 3


def fields(original: Mapping[bytes, bytes], *, revealed: bool) -> list[dict[str, Any]]:
    """Return each field as `{name, value}`, or instead of the value `{name, masked, bytes}` if it is hidden, or
    `{name, cut, bytes, value}` if it is too long."""
    return [_field(name, value, revealed) for name, value in original.items()]


def name(field: bytes) -> BytesJson:
    """Return a field's name. A name that is long enough to hold personal data is hidden."""
    return bytes_to_json(field) if len(field) <= _PLAIN_MAX_BYTES else _HIDDEN


def _field(field: bytes, value: bytes, revealed: bool) -> dict[str, Any]:
    plain = field in _PLAIN and len(value) <= _PLAIN_MAX_BYTES
    shown = bytes_to_json(field) if revealed else name(field)
    if not revealed and not plain:
        return {"name": shown, "masked": True, "bytes": len(value)}
    if len(value) > _SHOWN_MAX_BYTES:
        return {"name": shown, "cut": True, "bytes": len(value), "value": bytes_to_json(value[:_SHOWN_MAX_BYTES])}
    return {"name": shown, "value": bytes_to_json(value)}


def payload(json: Any, original: Mapping[bytes, bytes], *, revealed: bool) -> Any:
    """Return an entry's payload. Unless `revealed`, its values are hidden, except for plain values of fields that the
    resource declares public."""
    if revealed or not isinstance(json, dict):
        return value(json, revealed=revealed)
    public = public_fields(original)
    return {
        str(name)[:_PLAIN_MAX_BYTES]: value(each, revealed=is_shown(name, each, public)) for name, each in json.items()
    }


def public_fields(original: Mapping[bytes, bytes]) -> frozenset[str]:
    """Return the names of the payload fields that the entry's resource declares public."""
    resource = domain().by_plural.get(raw_resource(original))
    return frozenset(field.name for field in resource.fields if field.public) if resource else frozenset()


def is_shown(name: str, json: Any, public: frozenset[str]) -> bool:
    """Return whether a payload's value is shown to everybody, as a plain value of a public field is."""
    return name in public and not isinstance(json, dict | list)


def value(json: Any, *, revealed: bool) -> Any:
    """Return a JSON value. Unless `revealed`, its shape stays and its contents are hidden."""
    if revealed or json is None:
        return json
    if isinstance(json, dict):
        return {str(name)[:_PLAIN_MAX_BYTES]: value(each, revealed=False) for name, each in json.items()}
    if isinstance(json, list):
        return [value(each, revealed=False) for each in json]
    # The first character helps to find a letter again, but of a short text it would reveal too much.
    return json[:1] + _HIDDEN if isinstance(json, str) and len(json) >= _HINT_MIN_CHARS else _HIDDEN
