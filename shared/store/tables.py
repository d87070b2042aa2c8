"""Tables: the SQLAlchemy Core tables, one for each declared resource, and the engine's own. `deploy/migrations` creates
them in the database."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from holdfast.shared.domain.field_type import Column
from holdfast.shared.domain.resource import CLAIMS_MAX_CHARS, NAME_MAX_CHARS, Field, ResourceType
from holdfast.shared.domain.table_size import IN_ROW_MAX_CHARS, KEY_MAX_CHARS
from holdfast.shared.writes.commands import LABEL_MAX_CHARS

metadata = sa.MetaData()

_COLLATION = "utf8mb4_bin"
#: TEXT holds fewer than 2**16 bytes, and a character has up to four bytes.
_TEXT_MAX_CHARS = 2**16 // 4 - 1
_INDEX_MAX_CHARS = 64

_ID = mysql.CHAR(36, charset="ascii", collation="ascii_bin")
_RESOURCE = mysql.VARCHAR(NAME_MAX_CHARS, charset="ascii", collation="ascii_bin")
_CLAIMS = mysql.VARCHAR(CLAIMS_MAX_CHARS, charset="ascii", collation="ascii_bin")
_KEY = sa.String(KEY_MAX_CHARS, collation=_COLLATION)


def _number(name: str, *, index: bool | None = None) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, index=index)


@cache
def table_of(resource: ResourceType) -> sa.Table:
    """Return the table of a resource, which has one row per entity, tombstones and shadows included; see
    `shared/writes/merge.py`. For each field a row has the value, the key if the field is unique (NULL claims nothing),
    and the version of the write that set the value. Versions are microseconds since the epoch; 0 means never.

    Declared names are quoted, because each server has reserved words that the other one, or SQLAlchemy, does not know.
    """
    table: sa.Table = sa.Table(
        resource.plural,
        sa.MetaData(),
        sa.Column("id", _ID, primary_key=True),
        *_field_columns(resource),
        _number("created_version"),
        _number("deleted_version"),
        *_indexes(resource),
        quote=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate=_COLLATION,
        mysql_row_format="DYNAMIC",
    )
    return table


def _indexes(resource: ResourceType) -> list[sa.schema.SchemaItem]:
    return [
        *(sa.Index(unique_index(resource, field), f"{field.name}_key", unique=True) for field in resource.unique),
        # Entities that are not deleted, in the order of creation, and then tombstones, oldest first.
        sa.Index(listed_index(resource), "deleted_version", "created_version"),
    ]


def unique_index(resource: ResourceType, field: Field) -> str:
    """Return the name of the index that keeps two entities from having the same value of this field."""
    return f"{resource.plural}_{field.name}_key"[-_INDEX_MAX_CHARS:]


def listed_index(resource: ResourceType) -> str:
    """Return the name of the index that serves pages and the removal of tombstones."""
    return f"{resource.plural}_listed"


def _field_columns(resource: ResourceType) -> Iterator[sa.schema.SchemaItem]:
    for field in resource.fields:
        yield sa.Column(field.name, _type(field.type.column), nullable=not field.required, quote=True)
        if field.unique:
            yield sa.Column(f"{field.name}_key", _KEY, comment=field.key_mark)
        yield _number(f"{field.name}_version")


def _type(column: Column) -> sa.types.TypeEngine[Any]:
    match column.kind:
        case "integer":
            return sa.BigInteger()
        case "boolean":
            return sa.Boolean()
        case "text" if column.size <= IN_ROW_MAX_CHARS:
            return sa.String(column.size, collation=_COLLATION)
        case "text" if column.size <= _TEXT_MAX_CHARS:
            return mysql.TEXT(collation=_COLLATION)
        case "text":
            return mysql.MEDIUMTEXT(collation=_COLLATION)


#: One row per ended operation, written in the transaction that changed the entity: the proof that the operation was
#: applied once. An operation that has no row, and is not older than the horizon, has not taken effect.
operations = sa.Table(
    "operations",
    metadata,
    sa.Column("operation_id", _ID, primary_key=True),
    sa.Column("resource", _RESOURCE, nullable=False),
    sa.Column("entity_id", _ID, nullable=False),
    sa.Column("command", sa.String(LABEL_MAX_CHARS), nullable=False),
    _number("version", index=True),
    #: applied | superseded | rejected
    sa.Column("effect", sa.String(20), nullable=False),
    #: The entity's version after the operation; 0 if rejected.
    _number("entity_version"),
    #: The rejection: {"code": ..., "detail": {...}}.
    sa.Column("rejection", sa.Text),
    #: SHA-256 of the request, if it had an Idempotency-Key.
    sa.Column("body_hash", sa.String(64)),
    #: The stream entry that ended the operation; NULL if the api applied it while the queue was down.
    sa.Column("entry_id", sa.String(40)),
    sa.Column("ended_at", mysql.DATETIME(fsp=6), nullable=False),
    #: 1 if `operation_totals` counts the operation, else 0.
    sa.Column("closed", sa.SmallInteger, nullable=False, server_default="0", index=True),
)

#: One row: the ledger's totals of the operations whose rows were closed, and may be removed since. It changes only in
#: the transactions that close or remove rows. Only dlq_admin writes it.
operation_totals = sa.Table(
    "operation_totals",
    metadata,
    sa.Column("id", sa.SmallInteger, primary_key=True),
    _number("applied"),
    _number("rejected"),
    #: Those of `applied` and `rejected` that were never on the stream.
    _number("direct"),
    #: The newest version that was closed.
    _number("closed_to"),
    #: Rows that were removed.
    _number("purged"),
    #: The horizon: operations that are not newer may have been removed, and are not applied any more.
    _number("purged_to"),
    #: Rows of `released_values` that were removed.
    _number("releases_purged"),
)

#: The epochs of the queue. The columns are the fields of Epoch in shared/writes/epoch.py.
queue_epochs = sa.Table(
    "queue_epochs",
    metadata,
    sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("cause", sa.String(20, collation="ascii_bin"), nullable=False),
    *(_number(name) for name in ("began", "carried", "lost", "lost_from", "floor")),
    sa.Column("identity", sa.String(100, collation="ascii_bin"), nullable=False),
    *(_number(name) for name in ("look", "accepted", "entries", "oldest", "newest")),
    *(_number(name) for name in ("seen_to", "known_seen", "known_unseen", "late")),
)

#: Idempotency-Keys of writes that were applied while the queue was down, kept until the queue knows these keys.
direct_keys = sa.Table(
    "direct_keys",
    metadata,
    sa.Column("key_hash", sa.String(64, collation="ascii_bin"), primary_key=True),
    sa.Column("body_hash", sa.String(64, collation="ascii_bin"), nullable=False),
    sa.Column("operation_id", _ID, primary_key=True),
    sa.Column("resource", _RESOURCE, nullable=False),
    sa.Column("entity_id", _ID, nullable=False),
    _number("version"),
)

#: Entities whose rows became tombstones, and when, by the database's clock. Every process that keeps copies follows it.
deleted_entities = sa.Table(
    "deleted_entities",
    metadata,
    sa.Column("resource", _RESOURCE, primary_key=True),
    sa.Column("entity_id", _ID, primary_key=True),
    sa.Column("deleted_at", mysql.DATETIME(fsp=6), nullable=False, index=True),
)

#: The version at which an entity last released a unique value. A late write of another entity with an older claim then
#: loses, as it would have in order. The key has the entity, because its changes do not count against its own older
#: writes.
released_values = sa.Table(
    "released_values",
    metadata,
    sa.Column("claims", _CLAIMS, primary_key=True),
    sa.Column("claim_key", _KEY, primary_key=True),
    sa.Column("entity_id", _ID, primary_key=True),
    _number("version", index=True),
)
