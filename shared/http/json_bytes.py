"""JSON bytes: whether bytes are JSON that may be passed on as they are. Pure.

The grammar is RFC 8259's, in UTF-8 without a byte order mark. Numbers may be as large, and names as often repeated, as
the grammar allows: their sender means something by them, and they are not ours to change. A string has to be Unicode:
half of a surrogate pair has no UTF-8, and the whole answer around it could not be read.
"""

import json
import re
from typing import Any, NoReturn

import orjson

#: Nested deeper than this, JSON of somebody else is not passed on: many parsers would not read it.
DEPTH_MAX = 200

#: What orjson writes; it reads deeper.
_WRITTEN_DEPTH = 254
_SURELY_FLAT = 200

#: Without one of these no number is larger than a double can be, which is all that orjson asks beyond the grammar.
_HUGE = re.compile(rb"[0-9]{210}|[eE]\+?[0-9]{3}")


class TooDeep(ValueError):
    """Nested deeper than is allowed."""


def parsed(raw: bytes, depth_max: int) -> Any:
    """What the bytes say, for a look at it: with a number too large for a double in them, all numbers are texts. Raises
    ValueError for what is no JSON, and TooDeep."""
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if not _HUGE.search(raw):
            raise
        document = _with_huge_numbers(raw)
    if raw.count(b"[") + raw.count(b"{") > _SURELY_FLAT:
        _check_depth(document, depth_max)
    return document


def _with_huge_numbers(raw: bytes) -> Any:
    try:
        document = _TOLERANT.decode(raw.decode())
    except RecursionError as error:
        raise TooDeep from error
    try:
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair
    except RecursionError as error:
        raise TooDeep from error
    return document


def _check_depth(document: Any, depth_max: int) -> None:
    for _ in range(_WRITTEN_DEPTH - depth_max):
        document = [document]
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise TooDeep from error


def _no_number(name: str) -> NoReturn:
    """NaN and Infinity."""
    raise ValueError(name)


_TOLERANT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_number)
