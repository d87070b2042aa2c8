"""JSON bytes: checks whether bytes are JSON that may be passed on unchanged. Pure.

The grammar is RFC 8259's, in UTF-8 without a byte order mark. Numbers of any size and repeated names are allowed, as in
the grammar, because their sender gives them a meaning. A string has to be Unicode: half of a surrogate pair cannot be
encoded in UTF-8, and would make the whole answer around it unreadable.
"""

import json
import re
from typing import Any, NoReturn

import orjson

#: JSON nested deeper than this is not passed on, because many parsers would reject it.
DEPTH_MAX = 200

#: The depth that orjson writes; it reads deeper documents.
_WRITTEN_DEPTH = 254
_SURELY_FLAT = 200

#: Only a number that matches this can exceed a double, and such a number is all that orjson refuses of the grammar.
_HUGE = re.compile(rb"[0-9]{210}|[eE]\+?[0-9]{3}")


class TooDeep(ValueError):
    """The document is nested deeper than allowed."""


def parsed(raw: bytes, depth_max: int) -> Any:
    """Return the document, for reading only: if one of its numbers exceeds a double, all of its numbers are strings.
    Raises ValueError if it is not JSON, and TooDeep."""
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
        json.dumps(document, ensure_ascii=False).encode()  # fails for half of a surrogate pair
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
    """Refuse NaN and Infinity."""
    raise ValueError(name)


_TOLERANT = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_no_number)
