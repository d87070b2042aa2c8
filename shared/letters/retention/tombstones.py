"""Tombstones: removes rows of entities that were deleted so long ago that no write needs them any more.

A tombstone refuses writes that are older than its delete. Once the delete is beyond the committed horizon, all such
writes are refused because of their age, and a newer write finds the entity missing with or without the row. A shadow
beyond the horizon goes too: the create that it waits for is older, so it will never be applied, and no other entity
could have the shadow's unique values.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.letters.index.statements import places
from holdfast.shared.store.counts import read_totals
from holdfast.shared.store.engine import Engine, transaction
from holdfast.shared.store.statements import statements_of
from holdfast.shared.store.tables import listed_index, operations, table_of
from holdfast.shared.writes.horizon import tombstone_horizon


def purge(engine: Engine, resource: ResourceType, now: int, keep_s: float, most: int) -> int:
    """Remove at most `most` of a resource's tombstones, the oldest first, or else of its shadows. Return how many. Rows
    that a transaction has locked are left for a later call. `now`: the time as a version; `keep_s`: seconds to keep.
    Raises a Fault."""
    with transaction(engine) as connection:
        newest = connection.execute(sa.select(sa.func.max(operations.c.version))).scalar_one() or 0
        before = tombstone_horizon(read_totals(connection).purged_to, now, newest, keep_s=keep_s)
        if not before:
            return 0
        ids: Sequence[str] = connection.execute(_due(resource, before).limit(most)).scalars().all()
        ids = ids or _shadows(connection, resource, before, most)
        if ids:
            connection.exec_driver_sql(statements_of(resource).delete.format(places(ids)), tuple(ids))
    return len(ids)


def _due(resource: ResourceType, before: int) -> sa.Select[Any]:
    deleted = table_of(resource).c.deleted_version
    return _rows(resource, "id").where(deleted > 0, deleted < before).order_by(deleted)


def _shadows(connection: sa.Connection, resource: ResourceType, before: int, most: int) -> list[str]:
    """Return shadows whose every version is beyond the horizon. In an upgrade, a field that this build does not know
    may have a version, too."""
    table = table_of(resource).c
    versions = [table[f"{field.name}_version"] < before for field in resource.fields]
    query = _rows(resource, "*").where(table.deleted_version == 0, table.created_version == 0, *versions).limit(most)
    return [
        row["id"]
        for row in connection.execute(query).mappings()
        if all(row[f"{name}_version"] < before for name in row if f"{name}_version" in row)
    ]


def _rows(resource: ResourceType, columns: str) -> sa.Select[Any]:
    table = table_of(resource)
    query: sa.Select[Any] = sa.select(sa.literal_column(columns)).select_from(table)
    query = query.with_hint(table, f"FORCE INDEX ({listed_index(resource)})")
    return query.with_for_update(skip_locked=True)
