"""Results: reads query results in less time than PyMySQL does, and returns the same values.

PyMySQL parses the description of each column again for every result, although a statement's columns are always the
same, and calls four functions for each value. Together that was most of the thread time of a read of a few rows.
"""

from collections.abc import Sequence
from typing import Any

from pymysql import connections
from pymysql.connections import MySQLResult
from pymysql.protocol import MysqlPacket

#: Most cached descriptions; there are fewer statements than this.
_KEPT_MAX = 1000
#: The first byte of a value's length: up to `_SHORT` it is the length itself, `_NULL` stands for NULL, and `_SIZES`
#: gives how many bytes of length follow.
_SHORT, _NULL, _SIZES = 250, 251, {252: 2, 253: 3, 254: 8}

Converters = Sequence[tuple[str | None, Any]]

#: The columns, their converters and their description, by the packets in which the server sent them.
_kept: dict[tuple[bytes, ...], tuple[Any, Converters, Any]] = {}


_Driver: Any = MySQLResult  # its stubs are incomplete


class Result(_Driver):  # type: ignore[misc]  # as above
    """The result of a query on a connection in UTF-8 with PyMySQL's own converters."""

    connection: Any
    fields: Any
    converters: Converters
    description: Any

    def _get_descriptions(self) -> None:
        connection: Any = self.connection
        sent = [connection._read_packet().get_all_data() for _ in range(self.field_count + 1)]
        columns = tuple(sent[:-1])
        known = _kept.get(columns)
        if known is None:
            self.connection = _Again(connection, sent)
            super()._get_descriptions()
            self.connection = connection
            known = self.fields, self.converters, self.description
            if len(_kept) < _KEPT_MAX:
                _kept[columns] = known
        self.fields, self.converters, self.description = known

    def _read_rowdata_packet(self) -> None:
        read, rows, converters = self.connection._read_packet, [], self.converters
        while not self._check_packet_is_eof(packet := read()):
            rows.append(row_of(packet.get_all_data(), converters))
        self.connection = None
        self.affected_rows, self.rows = len(rows), tuple(rows)


class _Again:
    """Stands in for a connection and returns packets that were already read."""

    def __init__(self, connection: Any, packets: Sequence[bytes]) -> None:
        self.use_unicode, self.encoding, self.decoders = (
            connection.use_unicode,
            connection.encoding,
            connection.decoders,
        )
        self._packets = iter(packets)

    def _read_packet(self, kind: Any = MysqlPacket) -> Any:
        return kind(next(self._packets), self.encoding)


def row_of(sent: bytes, converters: Converters) -> tuple[Any, ...]:
    """Return the values of a row from the bytes that the server sent. Raises ValueError if bytes are missing."""
    row: list[Any] = []
    at, end = 0, len(sent)
    for encoding, converter in converters:
        if at == end:
            break
        size = sent[at]
        at += 1
        if size > _SHORT:
            if size == _NULL:
                row.append(None)
                continue
            start = at + _SIZES[size]
            at, size = start, int.from_bytes(sent[at:start], "little")
        value: Any = sent[at : at + size]
        at += size
        if converter is int:  # int() accepts bytes
            value = int(value)
        else:
            if encoding is not None:
                value = value.decode(encoding)
            if converter is not None:
                value = converter(value)
        row.append(value)
    if at > end:
        raise ValueError("a row is shorter than it says")
    return tuple(row)


def prepare() -> None:
    """Make PyMySQL use Result. Call before the first connection is made."""
    connections.MySQLResult = Result  # type: ignore[misc]  # PyMySQL has no other place for it
