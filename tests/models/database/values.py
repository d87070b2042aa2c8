"""Values: what a column accepts, and how it is stored. SQLite stores moments as text of one length."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from tests.models.database.errors import error
from tests.models.database.schema import Column

Check = Callable[[Any], Any]

_RANGES = {"tinyint": 2**7, "int": 2**31, "bigint": 2**63}
_BYTES = {"text": 2**16 - 1, "mediumtext": 2**24 - 1, "mediumblob": 2**24 - 1}
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d*)?")
_INTEGER = re.compile(r"\s*[+-]?\d+\s*")


def bound(value: Any) -> Any:
    """Return a statement's parameter as SQLite takes it."""
    if type(value) is str or value is None:
        return value
    if isinstance(value, datetime):
        return value.isoformat(" ", "microseconds")
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return str(value) if isinstance(value, str) else value


def check_of(column: Column) -> Check:
    """Return a function that converts a value to what the column stores. It raises a strict server's error for a value
    that does not fit."""
    if column.type in _RANGES:
        fits = _integer(column, _RANGES[column.type])
    elif column.type == "datetime":
        fits = _moment(column)
    elif column.type.endswith("blob"):
        fits = _blob(column)
    else:
        fits = _text(column)

    def check(value: Any) -> Any:
        if value is None:
            if column.nullable or column.automatic:
                return None
            raise error(1048, f"Column '{column.name}' cannot be null")
        return fits(value)

    return check


def _integer(column: Column, limit: int) -> Check:
    def fits(value: Any) -> Any:
        if isinstance(value, str | bytes):
            text = value if isinstance(value, str) else value.decode("latin-1")
            if not _INTEGER.fullmatch(text):
                raise error(1366, f"Incorrect integer value: '{text}' for column '{column.name}' at row 1")
            value = int(text)
        if isinstance(value, float):
            value = round(value)
        if not -limit <= value < limit:
            raise error(1264, f"Out of range value for column '{column.name}' at row 1")
        return value

    return fits


def _moment(column: Column) -> Check:
    def fits(value: Any) -> Any:
        found = _MOMENT.fullmatch(str(value))
        if not found:
            raise error(1292, f"Incorrect datetime value: '{value}' for column '{column.name}' at row 1")
        return f"{found[1]} {found[2]}.{(found[3] or '').ljust(6, '0')}"

    return fits


def _blob(column: Column) -> Check:
    def fits(value: Any) -> Any:
        kept = value if isinstance(value, bytes) else str(value).encode()
        if len(kept) > _BYTES[column.type]:
            raise error(1406, f"Data too long for column '{column.name}' at row 1")
        return kept

    return fits


def _text(column: Column) -> Check:
    def fits(value: Any) -> Any:
        try:
            text = value.decode() if isinstance(value, bytes) else str(value)
            encoded = text.encode("ascii" if column.ascii else "utf-8")
        except UnicodeError:
            raise error(1366, f"Incorrect string value for column '{column.name}' at row 1") from None
        if column.type == "char":
            text = text.rstrip(" ")
        too_long = len(encoded) > _BYTES[column.type] if column.type in _BYTES else len(text) > column.size
        if too_long and column.type in ("char", "varchar") and len(text.rstrip(" ")) <= column.size:
            text, too_long = text[: column.size], False
        if too_long:
            raise error(1406, f"Data too long for column '{column.name}' at row 1")
        return text

    return fits
