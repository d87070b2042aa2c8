"""Bytes in JSON: converts bytes to JSON and back, exactly. UTF-8 stays readable; other bytes become `{"base64":
...}`."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

BytesJson = str | dict[str, str]


def bytes_to_json(value: bytes) -> BytesJson:
    """Return the JSON form of bytes."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def bytes_from_json(value: Any) -> bytes:
    """Return the bytes of a JSON form. Raises ValueError for anything that `bytes_to_json` does not return."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, dict) and value.keys() == {"base64"} and isinstance(value["base64"], str):
        try:
            return base64.b64decode(value["base64"], validate=True)
        except ValueError:
            raise ValueError("not base64") from None
    raise ValueError('neither text nor {"base64": ...}')


def fields_to_json(fields: Mapping[bytes, bytes]) -> list[list[BytesJson]]:
    """Return the fields of an entry as pairs, in their order. They are pairs because a name need not be text either."""
    return [[bytes_to_json(name), bytes_to_json(value)] for name, value in fields.items()]


def fields_from_json(value: Any) -> dict[bytes, bytes]:
    """Return the fields of their JSON form. Raises ValueError."""
    if not isinstance(value, Iterable) or isinstance(value, str | bytes | dict):
        raise ValueError("not a list of pairs")
    fields = {}
    for pair in value:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ValueError("not a pair of name and value")
        fields[bytes_from_json(pair[0])] = bytes_from_json(pair[1])
    return fields
