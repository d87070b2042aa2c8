"""Results: PyMySQL's, read in less time. What it gives is what PyMySQL gives.

PyMySQL reads the description of each column anew with every result, though a statement's columns are always the same,
and calls four functions for each value. Together that was most of what a read of a few rows cost its thread.
"""

from collections.abc import Sequence
from typing import Any

from pymysql import connections
from pymysql.connections import MySQLResult
from pymysql.protocol import MysqlPacket

#: Kept descriptions; there are fewer statements than this.
_KEPT_MAX = 1000
#: The first byte of a length: up to here it is the length; then NULL, and the sizes of longer lengths.
_SHORT, _NULL, _SIZES = 250, 251, {252: 2, 253: 3, 254: 8}

Converters = Sequence[tuple[str | None, Any]]

#: By what the server sent of them: the columns, their converters, their description.
_kept: dict[tuple[bytes, ...], tuple[Any, Converters, Any]] = {}


_Driver: Any = MySQLResult  # its stubs leave half of it out


class Result(_Driver):  # type: ignore[misc]  # as above
    """Of a connection with PyMySQL's own converters, in UTF-8."""

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
    """A connection that gives packets once more."""

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
    """The values of a row as it was sent."""
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
        if converter is int:  # it takes bytes
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
    """Call before the first connection is made."""
    connections.MySQLResult = Result  # type: ignore[misc]  # PyMySQL has no other place for it
