"""Results are decoded as PyMySQL decodes them, column for column."""

import struct
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pymysql.connections import MySQLResult
from pymysql.constants import FIELD_TYPE
from pymysql.converters import decoders
from pymysql.protocol import MysqlPacket

from holdfast.shared.store.results import Result, row_of

_BINARY, _UTF8 = 63, 45
_EOF = b"\xfe\0\0\x02\0"
_TEXT = st.one_of(st.text(max_size=5), st.sampled_from([250, 251, 252, 70_000]).map("x".__mul__)).map(str.encode)

#: Types of columns with their character set and the values that a server sends.
_COLUMNS: Sequence[tuple[int, int, st.SearchStrategy[bytes]]] = (
    (FIELD_TYPE.VAR_STRING, _UTF8, _TEXT),
    (FIELD_TYPE.BLOB, _BINARY, st.binary(max_size=5)),
    (FIELD_TYPE.LONGLONG, _BINARY, st.integers(-(2**63), 2**64).map(lambda number: str(number).encode())),
    (FIELD_TYPE.TINY, _BINARY, st.sampled_from([b"0", b"1"])),
    (FIELD_TYPE.DATETIME, _BINARY, st.sampled_from([b"2026-01-15 10:30:00.123456", b"0000-00-00 00:00:00"])),
    (FIELD_TYPE.NEWDECIMAL, _BINARY, st.just(b"12.50")),
    (FIELD_TYPE.JSON, _BINARY, st.just('{"é": 1}'.encode())),
)


def _sized(value: bytes | None) -> bytes:
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        head = bytes([size])
    elif size < 2**16:
        head = b"\xfc" + struct.pack("<H", size)
    else:
        head = b"\xfd" + struct.pack("<I", size)[:3]
    return head + value


def _description(kind: int, charset: int) -> bytes:
    names = b"".join(map(_sized, (b"def", b"db", b"t", b"t", b"c", b"c")))
    return names + b"\x0c" + struct.pack("<HIBHB", charset, 80, kind, 0, 6) + b"\0\0"


@st.composite
def _packets(draw: st.DrawFn) -> list[bytes]:
    columns = draw(st.lists(st.sampled_from(_COLUMNS), min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*(st.none() | values for _, _, values in columns)), max_size=4))
    return [
        bytes([len(columns)]), *(_description(kind, charset) for kind, charset, _ in columns), _EOF,
        *(b"".join(map(_sized, row)) for row in rows), _EOF,
    ]  # fmt: skip


class _Connection:
    """A connection whose server has sent these packets."""

    use_unicode, encoding = True, "utf8"

    def __init__(self, packets: Sequence[bytes]) -> None:
        self.decoders = decoders
        self._packets = list(packets)

    def _read_packet(self, kind: Any = MysqlPacket) -> Any:
        return kind(self._packets.pop(0), self.encoding)


def _read(kind: type[MySQLResult], packets: Sequence[bytes]) -> tuple[Any, ...]:
    result: Any = kind(_Connection(packets))
    result.read()
    return result.rows, result.affected_rows, result.description, result.has_next, result.warning_count


@given(_packets())
@example([b"\x01", _description(FIELD_TYPE.VAR_STRING, _UTF8), _EOF, _EOF])
def test_what_is_read_is_what_pymysql_reads(packets: list[bytes]) -> None:
    """A result is read exactly as PyMySQL reads it, and again the second time, when its columns are known."""
    expected = _read(MySQLResult, packets)
    assert _read(Result, packets) == expected
    assert _read(Result, packets) == expected


def test_a_row_that_is_cut_off_is_no_row() -> None:
    """A row that is cut off within a value is an error, so that half a value is not taken for a whole one."""
    with pytest.raises(ValueError, match="shorter"):
        row_of(b"\x05abc", [("utf8", None)])
