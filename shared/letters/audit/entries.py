"""Audit: who did what to which dead letters, why, and by which request; in the transaction of what it tells."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from holdfast.shared.letters.index.statements import insert
from holdfast.shared.letters.index.tables import audit, audit_letters
from holdfast.shared.runtime.timestamps import utc_now
from holdfast.shared.store.apply import faults
from holdfast.shared.store.engine import Engine

_INSERT = insert(
    "audit_log", ("at", "actor", "role", "action", "reason", "letters", "selection", "details", "request_id")
)
_LETTERS_ONE_BY_ONE = insert("audit_letters", ("letter_id", "audit_id"))


class AuditAction(StrEnum):
    """What can be done. A public contract."""

    DISCARD = "discard"
    RESTORE = "restore"
    NOTE = "note"
    REVEAL = "reveal"
    EXPORT = "export"
    IMPORT = "import"
    PURGE = "purge"
    EDIT = "edit"
    REVERT = "revert"
    TRANSFORM = "transform"
    REPLAY = "replay"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RECALL = "recall"
    APPROVE = "approve"
    ALLOW = "allow"
    GO_ON = "go_on"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it, by what right, and why."""

    name: str
    role: str
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One row."""

    id: int
    at: datetime
    actor: str
    role: str
    action: str
    reason: str
    letters: int
    selection: Any
    details: Any
    request_id: str


def record(
    connection: sa.Connection,
    actor: Actor,
    deed: AuditAction,
    *,
    letters: int,
    selection: Any = None,
    details: Any = None,
) -> int:
    """Write a row; its id."""
    now = utc_now().replace(tzinfo=None).isoformat(sep=" ")
    row = (
        now,
        actor.name,
        actor.role,
        deed.value,
        actor.reason,
        letters,
        _json(selection),
        _json(details),
        actor.request_id,
    )
    return int(connection.exec_driver_sql(_INSERT, row).lastrowid)


def link_letters(connection: sa.Connection, audit_id: int, numbers: list[int]) -> None:
    """Write down which letters a row concerns."""
    if numbers:
        connection.exec_driver_sql(_LETTERS_ONE_BY_ONE, [(number, audit_id) for number in numbers])


def record_read(engine: Engine, actor: Actor, deed: AuditAction, *, numbers: list[int], selection: Any = None) -> int:
    """A deed that changes nothing but is on record: a look. Its row's id."""
    with faults(), engine.begin() as connection:
        audit_id = record(connection, actor, deed, letters=len(numbers), selection=selection)
        link_letters(connection, audit_id, numbers)
        return audit_id


def record_event(engine: Engine, actor: Actor, deed: AuditAction, *, details: Any) -> int:
    """A deed that concerns no letter. Its row's id."""
    with faults(), engine.begin() as connection:
        return record(connection, actor, deed, letters=0, details=details)


def page(
    engine: Engine, *, before: int | None, limit: int, actor: str | None = None, action: str | None = None
) -> list[AuditEntry]:
    """The newest rows with an id below `before`."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
    for column, wanted in ((audit.c.actor, actor), (audit.c.action, action)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(audit.c.id < before)
    with faults(), engine.connect() as connection:
        return [_recorded(row) for row in connection.execute(query)]


def of_letter(connection: sa.Connection, number: int) -> list[AuditEntry]:
    """Everything that was done to one letter, oldest first."""
    mine = sa.select(audit_letters.c.audit_id).where(audit_letters.c.letter_id == number)
    query = sa.select(audit).where(audit.c.id.in_(mine)).order_by(audit.c.id)
    return [_recorded(row) for row in connection.execute(query)]


def _recorded(row: sa.Row[Any]) -> AuditEntry:
    columns = dict(row._mapping)
    for name in ("selection", "details"):
        columns[name] = orjson.loads(columns[name]) if columns[name] else None
    return AuditEntry(**columns)


def _json(value: Any) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
