"""Told: bytes in JSON and back, exactly. Text stays readable; what is none becomes `{"base64": ...}`."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

Told = str | dict[str, str]


def tell(value: bytes) -> Told:
    """A value as JSON has it."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def take(told: Any) -> bytes:
    """The value again. Raises ValueError for what `tell` never says."""
    if isinstance(told, str):
        return told.encode()
    if isinstance(told, dict) and told.keys() == {"base64"} and isinstance(told["base64"], str):
        try:
            return base64.b64decode(told["base64"], validate=True)
        except ValueError:
            raise ValueError("not base64") from None
    raise ValueError('neither text nor {"base64": ...}')


def tell_fields(fields: Mapping[bytes, bytes]) -> list[list[Told]]:
    """The fields of an entry as pairs, in their order: a name may be no text either."""
    return [[tell(name), tell(value)] for name, value in fields.items()]


def take_fields(told: Any) -> dict[bytes, bytes]:
    """The fields again. Raises ValueError."""
    if not isinstance(told, Iterable) or isinstance(told, str | bytes | dict):
        raise ValueError("not a list of pairs")
    fields = {}
    for pair in told:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError("not a pair of name and value")
        fields[take(pair[0])] = take(pair[1])
    return fields
