"""Audit: records who did what to which dead letters, why, and by which request. An entry is written in the transaction
of the action that it records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
import sqlalchemy as sa

from holdfast.shared.letters.index.statements import from_row, insert, json, many, now
from holdfast.shared.letters.index.tables import audit, audit_letters
from holdfast.shared.store.engine import Engine, reading, transaction

_INSERT = insert(
    "audit_log", ("at", "actor", "role", "action", "reason", "letters", "selection", "details", "request_id")
)
_LETTERS_ONE_BY_ONE = insert("audit_letters", ("letter_id", "audit_id"))


class AuditAction(StrEnum):
    """The recorded kinds of action. They are a public contract."""

    DISCARD = "discard"
    RESTORE = "restore"
    NOTE = "note"
    REVEAL = "reveal"
    SEARCH = "search"
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


#: The actions that change a letter.
_CHANGES = (
    AuditAction.DISCARD,
    AuditAction.RESTORE,
    AuditAction.IMPORT,
    AuditAction.EDIT,
    AuditAction.REVERT,
    AuditAction.TRANSFORM,
    AuditAction.REPLAY,
)


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who acts, with role and reason, and the request."""

    name: str
    role: str
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An entry of the audit: one row."""

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
    action: AuditAction,
    numbers: Sequence[int] = (),
    *,
    letters: int | None = None,
    selection: Any = None,
    details: Any = None,
) -> int:
    """Write an entry and the letters that it concerns. Return its id. `letters`: the number of letters, if it differs
    from that of `numbers`."""
    row = (
        now(),
        actor.name,
        actor.role,
        action,
        actor.reason,
        len(numbers) if letters is None else letters,
        None if selection is None else json(selection),
        None if details is None else json(details),
        actor.request_id,
    )
    audit_id = int(connection.exec_driver_sql(_INSERT, row).lastrowid)
    many(connection, _LETTERS_ONE_BY_ONE, [(number, audit_id) for number in numbers])
    return audit_id


def record_alone(
    engine: Engine,
    actor: Actor,
    action: AuditAction,
    *,
    numbers: Sequence[int] = (),
    selection: Any = None,
    details: Any = None,
) -> int:
    """Record an action that changes no letter, such as a read. Return the id of the entry. Raises a Fault."""
    with transaction(engine) as connection:
        return record(connection, actor, action, numbers, selection=selection, details=details)


def page(
    engine: Engine, *, before: int | None, limit: int, actor: str | None = None, action: str | None = None
) -> list[AuditEntry]:
    """Return the newest entries with an id below `before`, at most `limit`. Raises a Fault."""
    query = sa.select(audit).order_by(audit.c.id.desc()).limit(limit)
    for column, wanted in ((audit.c.actor, actor), (audit.c.action, action)):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        query = query.where(audit.c.id < before)
    with reading(engine) as connection:
        return [_recorded(row) for row in connection.execute(query)]


def one(engine: Engine, audit_id: int) -> AuditEntry | None:
    """Return an entry, or None if it does not exist. Raises a Fault."""
    with reading(engine) as connection:
        row = connection.execute(sa.select(audit).where(audit.c.id == audit_id)).one_or_none()
    return _recorded(row) if row else None


def letters_of(connection: sa.Connection, audit_id: int, most: int, *, untouched: bool = False) -> list[int]:
    """Return the numbers of at most `most` letters that an entry concerns. `untouched`: only those that no later entry
    has changed."""
    mine = sa.select(audit_letters.c.letter_id).where(audit_letters.c.audit_id == audit_id)
    if untouched:
        later = audit_letters.alias()
        of_same = (later.c.letter_id == audit_letters.c.letter_id) & (later.c.audit_id > audit_id)
        changed = sa.select(later.c.audit_id).join(audit, audit.c.id == later.c.audit_id)
        mine = mine.where(~changed.where(of_same, audit.c.action.in_(_CHANGES)).exists())
    return list(connection.scalars(mine.order_by(audit_letters.c.letter_id).limit(most)))


def beside(engine: Engine, audit_id: int) -> list[AuditEntry]:
    """Return all entries that concern the first letter of this entry, oldest first. Raises a Fault."""
    with reading(engine) as connection:
        first = letters_of(connection, audit_id, 1)
        return of_letter(connection, first[0]) if first else []


def of_letter(connection: sa.Connection, number: int) -> list[AuditEntry]:
    """Return all entries that concern a letter, oldest first."""
    mine = sa.select(audit_letters.c.audit_id).where(audit_letters.c.letter_id == number)
    query = sa.select(audit).where(audit.c.id.in_(mine)).order_by(audit.c.id)
    return [_recorded(row) for row in connection.execute(query)]


def _recorded(row: sa.Row[Any]) -> AuditEntry:
    documents = {"selection": row.selection, "details": row.details}
    return from_row(AuditEntry, row, **{name: text and orjson.loads(text) for name, text in documents.items()})
