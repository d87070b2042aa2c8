"""Allowance: how many letters in total one person may replay, discard and transform within a window of time without a
second person. It is computed from the audit, so all replicas agree, and under a lock per person, so that concurrent
requests do not use it twice."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from holdfast.shared.errors import AllowanceUsedUp, SecondPersonNeeded
from holdfast.shared.letters.audit.entries import Actor, AuditAction, record
from holdfast.shared.letters.index.statements import insert
from holdfast.shared.letters.replays.plan import ReplayState
from holdfast.shared.runtime.timestamps import precise, utc_now
from holdfast.shared.store.engine import Engine, reading, transaction

#: The letters used. A replay that a second person has to approve is not counted.
_USED = sa.text(
    "SELECT COALESCE(SUM(letters), 0) AS used, MIN(at) AS first FROM audit_log WHERE actor = :actor AND at > :since"
    " AND action IN ('replay', 'discard', 'transform') AND letters > 0"
    " AND COALESCE(JSON_UNQUOTE(JSON_EXTRACT(details, '$.state')), '') <> :approved"
)
#: The used letters that were put back as they were, by any person. No letter counts twice.
_TAKEN_BACK = sa.text(
    "SELECT COALESCE(SUM(back), 0) FROM (SELECT LEAST(made.letters, SUM(later.letters)) AS back"
    " FROM audit_log made JOIN audit_log later ON later.id > made.id AND later.at > :since AND ("
    "(made.action = 'transform' AND later.action = 'revert'"
    " AND JSON_EXTRACT(later.details, '$.transform') = JSON_EXTRACT(made.details, '$.transform'))"
    " OR (made.action = 'discard' AND later.action = 'restore' AND JSON_EXTRACT(later.selection, '$.audit') = made.id))"
    " WHERE made.actor = :actor AND made.at > :since GROUP BY made.id, made.letters) taken"
)
#: Names are compared as bytes, because a collation may treat two spellings as one name.
_GRANTED = sa.text(
    "SELECT COALESCE(SUM(letters), 0) FROM audit_log WHERE action = 'allow' AND at > :since"
    " AND CAST(JSON_UNQUOTE(JSON_EXTRACT(details, '$.to')) AS BINARY) = CAST(:actor AS BINARY)"
)
_LOCK = insert("dead_letter_actors", ("actor",), on_clash="actor = VALUES(actor)")


@dataclass(frozen=True, slots=True)
class Rules:
    """The allowance: this many letters within this many seconds."""

    letters: int
    window_s: float


@dataclass(frozen=True, slots=True)
class Left:
    """The rest of a person's allowance. `more_at`: when the oldest counted action leaves the window, if there is
    one."""

    letters: int
    more_at: datetime | None


def left(engine: Engine, name: str, rules: Rules) -> Left:
    """Return the current rest of a person's allowance. Raises a Fault."""
    with reading(engine) as connection:
        return _left(connection, name, rules)


def lock(connection: sa.Connection, name: str, rules: Rules) -> Left:
    """Return the rest of a person's allowance, locked until the transaction ends. Take this lock before any other."""
    connection.exec_driver_sql(_LOCK, (name,))
    return _left(connection, name, rules)


def use(left_now: Left | None, needed: int) -> None:
    """Check that `needed` letters are left. `left_now` None: there is no limit. Raises AllowanceUsedUp."""
    if left_now is not None and needed > left_now.letters:
        more_at = precise(left_now.more_at) if left_now.more_at else None
        raise AllowanceUsedUp(details={"needed": needed, "left": left_now.letters, "more_at": more_at})


def allow(engine: Engine, to: str, letters: int, actor: Actor) -> int:
    """Record that `actor`, as a second person, allows the person `to` more letters within the window. Return the id of
    the audit entry. Raises SecondPersonNeeded, or a Fault."""
    if to == actor.name:
        raise SecondPersonNeeded()
    with transaction(engine) as connection:
        return record(connection, actor, AuditAction.ALLOW, letters=letters, details={"to": to})


def _left(connection: sa.Connection, name: str, rules: Rules) -> Left:
    since = (utc_now() - timedelta(seconds=rules.window_s)).replace(tzinfo=None)
    known = {"actor": name, "since": since}
    used = connection.execute(_USED, known | {"approved": ReplayState.AWAITING_APPROVAL.value}).one()
    taken_back = int(connection.execute(_TAKEN_BACK, known).scalar_one())
    granted = int(connection.execute(_GRANTED, known).scalar_one())
    more_at = used.first.replace(tzinfo=UTC) + timedelta(seconds=rules.window_s) if used.first else None
    return Left(max(0, rules.letters + granted + taken_back - int(used.used)), more_at)
