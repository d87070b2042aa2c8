"""Whole: reads everything about one dead letter: its row, its body, the actions on it, and the other letters of its
operation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from holdfast.shared.domain.registry import domain
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.bytes_json import fields_from_json
from holdfast.shared.letters.find.search import Row, row_of
from holdfast.shared.letters.index import body
from holdfast.shared.letters.index.body import Body
from holdfast.shared.letters.index.statements import from_row
from holdfast.shared.letters.index.tables import edits, items, letters
from holdfast.shared.letters.state import State
from holdfast.shared.store import reads
from holdfast.shared.store.engine import Engine, reading
from holdfast.shared.writes.merge import Entity

_KIN_MAX = 100


@dataclass(frozen=True, slots=True)
class Edit:
    """An edited version of the fields. The original is not an edit."""

    number: int
    fields: dict[bytes, bytes]
    author: str
    reason: str
    at: datetime
    transform_id: int | None
    reverts: int | None


@dataclass(frozen=True, slots=True)
class Sending:
    """One replay of the letter."""

    replay_id: int
    state: str
    entry_id: str | None
    sent_at: datetime | None
    ended_at: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that is known about a letter."""

    row: Row
    body: Body
    edits: list[Edit]
    sendings: list[Sending]
    audit_entries: list[audit.AuditEntry]
    #: The letters of the same operation, including this letter, oldest first.
    kin: list[Row]
    #: The current entity, or None if there is none.
    entity: Entity | None
    #: The ended operation, or None if it has not ended.
    ended: reads.EndedOperation | None


def whole(engine: Engine, number: int) -> Whole | None:
    """Return everything about a letter, or None if it does not exist. Raises a Fault."""
    with reading(engine) as connection:
        rows = connection.execute(sa.select(letters).where(letters.c.id == number)).all()
        content = body.load(connection, [number]).get(number)
        if not rows or content is None:
            return None
        row = row_of(rows[0])
        kin = (
            sa.select(letters).where(letters.c.operation_id == row.operation_id).order_by(letters.c.id).limit(_KIN_MAX)
        )
        versions = [_edit(each) for each in _of(connection, edits, number, edits.c.number)]
        sendings = [from_row(Sending, each) for each in _of(connection, items, number, items.c.replay_id)]
        record = audit.of_letter(connection, number)
        letters_of_operation = [row_of(each) for each in connection.execute(kin)] if row.operation_id else [row]
    resource = domain().by_plural.get(row.resource or "")
    entity = reads.entity(engine, resource, row.entity_id) if resource and row.entity_id else None
    ended = reads.ended_operation(engine, row.operation_id) if row.entity_id and row.operation_id else None
    return Whole(row, content, versions, sendings, record, letters_of_operation, entity, ended)


def newest_of_operation(engine: Engine, operation_id: str) -> Row | None:
    """Return the newest letter of an operation, or None if it has none. Raises a Fault."""
    query = sa.select(letters).where(letters.c.operation_id == operation_id).order_by(letters.c.id.desc()).limit(1)
    with reading(engine) as connection:
        row = connection.execute(query).one_or_none()
    return row_of(row) if row else None


def open_operations(engine: Engine, operation_ids: Sequence[str]) -> set[str]:
    """Return the operations that have a letter which is dead or being replayed. Raises a Fault."""
    query = sa.select(letters.c.operation_id).where(
        letters.c.operation_id.in_(operation_ids), letters.c.state.in_((State.DEAD, State.REPLAYING))
    )
    with reading(engine) as connection:
        return set(connection.execute(query).scalars())


def bodies(engine: Engine, rows: Sequence[Row]) -> list[tuple[Row, Body]]:
    """Return the letters of a page with their bodies. Letters that are gone are left out. Raises a Fault."""
    with reading(engine) as connection:
        found = body.load(connection, [row.id for row in rows])
    return [(row, found[row.id]) for row in rows if row.id in found]


def stored(engine: Engine, numbers: Iterable[int]) -> set[int]:
    """Return those of `numbers` that the table has. Raises a Fault."""
    with reading(engine) as connection:
        query = sa.select(letters.c.id).where(letters.c.id.in_(list(numbers)))
        return set(connection.scalars(query))


def _of(connection: sa.Connection, table: sa.Table, number: int, order: sa.ColumnElement[Any]) -> Sequence[sa.Row[Any]]:
    return connection.execute(sa.select(table).where(table.c.letter_id == number).order_by(order)).all()


def _edit(row: sa.Row[Any]) -> Edit:
    return from_row(Edit, row, fields=fields_from_json(orjson.loads(row.fields)))
