"""Functions of MySQL that SQLite lacks, or has with another meaning, as far as our statements use them."""

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from zlib import crc32

import apsw


def install(sqlite: apsw.Connection, clock: Callable[[], float], is_free: Callable[..., bool]) -> None:
    """Install them. `clock`: returns seconds since the epoch; `is_free`: returns whether the row of (table, *primary
    key) can be locked now."""

    def utc_now() -> str:
        return datetime.fromtimestamp(round(clock(), 6), UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

    sqlite.create_scalar_function("mysql_utc", utc_now, 0)
    sqlite.create_scalar_function("mysql_free", lambda *row: int(is_free(*row)), -1)
    for name, function, count in (
        ("mysql_add_us", _add_us, 2),
        ("mysql_concat", _concat, -1),
        ("mysql_floor", _floor, 1),
        ("mysql_div", _div, 2),
        ("mysql_like", _like, 4),
        ("mysql_unsigned", _unsigned, 1),
        ("mysql_json_extract", _json_extract, 2),
        ("JSON_UNQUOTE", _json_unquote, 1),
        ("SUBSTRING_INDEX", _substring_index, 3),
        ("CRC32", lambda text: None if text is None else crc32(text.encode()), 1),
        ("CHAR_LENGTH", lambda text: None if text is None else len(text), 1),
    ):
        sqlite.create_scalar_function(name, function, count, deterministic=True)


def _add_us(moment: str | None, microseconds: int | None) -> str | None:
    if moment is None or microseconds is None:
        return None
    later = datetime.fromisoformat(moment) + timedelta(microseconds=microseconds)
    return later.isoformat(" ", "microseconds")


def _concat(*parts: Any) -> str | None:
    if any(part is None for part in parts):
        return None
    return "".join(part.decode() if isinstance(part, bytes) else str(part) for part in parts)


def _floor(number: float | None) -> int | None:
    return None if number is None else math.floor(number)


def _div(number: float | None, by: float | None) -> float | None:
    return None if number is None or not by else number / by


def _unsigned(value: Any) -> int | None:
    if value is None or isinstance(value, int):
        return value
    found = re.match(r"\s*(\d+)", value.decode("latin-1") if isinstance(value, bytes) else str(value))
    return min(int(found[1]), 2**63 - 1) if found else 0


@lru_cache(1000)
def _pattern(like: str, escape: str, folded: bool) -> re.Pattern[str]:
    parts, at = [], 0
    while at < len(like):
        char = like[at]
        if char == escape and at + 1 < len(like):
            at += 1
            parts.append(re.escape(like[at]))
        else:
            parts.append({"%": ".*", "_": "."}.get(char) or re.escape(char))
        at += 1
    return re.compile("".join(parts), re.DOTALL | (re.IGNORECASE if folded else 0))


def _like(text: str | None, like: str | None, escape: str, folded: int) -> int | None:
    if text is None or like is None:
        return None
    return int(_pattern(like, escape, bool(folded)).fullmatch(text) is not None)


def _json_extract(document: str | None, path: str) -> str | None:
    if document is None:
        return None
    value = json.loads(document)
    for name in filter(None, path.removeprefix("$").split(".")):
        name = name.strip('"')
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return json.dumps(value, ensure_ascii=False)


def _json_unquote(text: str | None) -> str | None:
    return str(json.loads(text)) if text is not None and text.startswith('"') else text


def _substring_index(text: str | None, delimiter: str, count: int) -> str | None:
    if text is None:
        return None
    parts = text.split(delimiter)
    return delimiter.join(parts[:count] if count >= 0 else parts[count:])
