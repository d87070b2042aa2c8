"""Table size: checks whether the table of a resource fits into MySQL and MariaDB, before the database rejects it.

The limits are InnoDB's with pages of 16 KiB. A text of up to `IN_ROW_MAX_CHARS` is a VARCHAR, which counts in full; a
longer text is kept outside its row. For a value that may be long, a page may hold only a pointer to the rest.
"""

from collections.abc import Iterable, Iterator

from holdfast.shared.domain.field_type import Column
from holdfast.shared.domain.resource_type import Field

#: A longer text is kept outside its row.
IN_ROW_MAX_CHARS = 1000
#: A key is part of an index, whose size is limited.
KEY_MAX_CHARS = 512

#: The bytes of a character in utf8mb4.
_CHAR_BYTES = 4
_ROW_MAX_BYTES = 65_535
_PAGE_MAX_BYTES = 8_000
_COLUMNS_MAX = 1_000
#: Of 64 indexes, one is for the order of creation.
_UNIQUE_MAX = 63
#: All texts together, escaped, fit into one statement of 16 MiB.
_TEXTS_MAX_CHARS = 1_000_000

_VERSION = Column("integer")
_KEY = Column("text", KEY_MAX_CHARS)
#: The bytes of `id` and of the versions of creation and deletion.
_OWN_BYTES, _OWN_COLUMNS = 36 + 8 + 8, 3
#: The bytes that a text outside its row takes in the row: its length, and its location.
_OUTSIDE_BYTES = 12
#: A value that may be longer than this may be continued outside the page; then this many bytes of it are in the page.
_LONG_BYTES, _LONG_IN_PAGE_BYTES = 256, 42


def misfit(fields: Iterable[Field]) -> str | None:
    """Return why a table with these fields cannot be created, or None if it can."""
    fields = tuple(fields)
    columns = [column for field in fields for column in _columns(field)]
    row = _OWN_BYTES + sum(_row_bytes(column) for column in columns) + len(columns) // 8 + 1
    page = _OWN_BYTES + sum(_page_bytes(column) for column in columns) + len(columns) // 8 + 1
    texts = sum(field.type.column.size for field in fields)
    if sum(field.unique is not None for field in fields) > _UNIQUE_MAX:
        return f"at most {_UNIQUE_MAX} fields can be unique"
    if texts > _TEXTS_MAX_CHARS:
        return f"its texts may have {texts:,} characters together, and at most {_TEXTS_MAX_CHARS:,} are allowed"
    if row > _ROW_MAX_BYTES:
        return (
            f"a row would need {row:,} bytes, and the database allows {_ROW_MAX_BYTES:,}: declare texts of more than"
            f" {IN_ROW_MAX_CHARS} characters, which are kept outside the row, or fewer or shorter ones"
        )
    if page > _PAGE_MAX_BYTES or len(columns) + _OWN_COLUMNS > _COLUMNS_MAX:
        return "it has more fields than the database can keep in a row"
    return None


def _columns(field: Field) -> Iterator[Column]:
    yield field.type.column
    yield _VERSION
    if field.unique is not None:
        yield _KEY


def _row_bytes(column: Column) -> int:
    if column.kind != "text":
        return _page_bytes(column)
    return _CHAR_BYTES * column.size + 2 if column.size <= IN_ROW_MAX_CHARS else _OUTSIDE_BYTES


def _page_bytes(column: Column) -> int:
    match column.kind:
        case "integer":
            return 8
        case "boolean":
            return 1
        case "text":
            bytes_max = _CHAR_BYTES * column.size
            return bytes_max + 1 if bytes_max < _LONG_BYTES else _LONG_IN_PAGE_BYTES
