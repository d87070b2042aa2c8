"""Apply: the one function that changes users. Load, decide, write down: one transaction per batch."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from holdfast.shared.faults import Clash, CommitUnknown
from holdfast.shared.store.classify import classify
from holdfast.shared.store.tables import direct_keys, operations, users
from holdfast.shared.writes import keyed
from holdfast.shared.writes.commands import CreateUser, Heartbeat, Write
from holdfast.shared.writes.decide import Decision, Delivery, Ended, Known, Patience, decide, mentioned
from holdfast.shared.writes.merge import User
from holdfast.shared.writes.outcome import Applied, Final, Outcome, Rejected, Retry, Superseded
from holdfast.shared.writes.versions import wall_clock


def _multi_row_insert(table: sa.Table) -> str:
    """In the form that PyMySQL turns into one statement; past the ORM's bookkeeping it costs half."""
    columns = [column.name for column in table.columns if column.server_default is None]
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608


_INSERT_USER = _multi_row_insert(users)
_INSERT_OPERATION = _multi_row_insert(operations)
_USER_COLUMNS = ", ".join(users.columns.keys())
_SELECT_USERS_BY_KEY = f"SELECT {_USER_COLUMNS} FROM users WHERE email_key IN ({{}})"  # noqa: S608 - our own names
_LOCK_USERS = f"SELECT {_USER_COLUMNS} FROM users WHERE id IN ({{}}) FOR UPDATE"  # noqa: S608 - our own names
_LOCK_FREE_USERS = "SELECT id FROM users WHERE id IN ({}) FOR UPDATE SKIP LOCKED"
# The horizon comes with the rows, from one snapshot: where a removed row is missing, the horizon says that it may be.
_SELECT_HORIZON = "SELECT '', '', purged_to FROM operation_totals"
_SELECT_RELEASES = (
    f"SELECT email_key, user_id, version FROM email_releases WHERE email_key IN ({{}}) UNION ALL {_SELECT_HORIZON}"  # noqa: S608
)
_AND_HORIZON = "UNION ALL SELECT '', '', purged_to, NULL, NULL, 0 FROM operation_totals"
_SELECT_ENDED = "SELECT operation_id, effect, user_version, rejection, entry_id, version FROM operations WHERE"
_INSERT_DELETED = "INSERT INTO deleted_users (user_id, deleted_at) VALUES"
_DELETED_AGAIN = "ON DUPLICATE KEY UPDATE deleted_at = VALUES(deleted_at)"
_RELEASE = sa.text(
    "INSERT INTO email_releases (email_key, user_id, version) VALUES (:email_key, :user_id, :version)"
    " ON DUPLICATE KEY UPDATE version = GREATEST(version, VALUES(version))"
)


def apply(
    engine: sa.Engine,
    batch: list[Delivery],
    patient: Patience,
    changed: Callable[[Iterable[User]], None],
    *,
    past_locks: bool = False,
) -> list[Outcome]:
    """Apply `batch` in one transaction; one outcome each, in the order of the batch. When it is committed, `changed`
    is told the users that are not as they were. `past_locks`: writes to users whose row somebody has locked are left
    for later; without it, the lock is waited for.

    Raises a Fault. After an Outage or an Unexplained nothing is known: it may have been committed. After any other
    nothing happened. Which of them it is, is a guess by the error's number.
    """
    if not past_locks and all(isinstance(delivery.write.command, CreateUser | Heartbeat) for delivery in batch):
        # Almost always nothing is known of new users. The keys of the tables find out for less than a look does.
        with suppress(Clash):
            decision = _insert_unlooked(engine, batch, patient)
            changed(decision.users.values())
            return decision.outcomes
    with faults(), engine.begin() as connection:
        locked = _locked(connection, batch) if past_locks else set()
        free = [delivery for delivery in batch if delivery.write.user_id not in locked]
        known = load(connection, free) if free else Known()
        decision = decide(free, known, patient, wall_clock())
        write_down(connection, decision, known)
    changed(decision.users.values())
    outcomes = iter(decision.outcomes)
    return [Retry(locked=True) if delivery.write.user_id in locked else next(outcomes) for delivery in batch]


def _insert_unlooked(engine: sa.Engine, batch: list[Delivery], patient: Patience) -> Decision:
    """Apply creates as if nothing were known of their users. Raises Clash when something is, or may be."""
    decision = decide(batch, Known(), patient, wall_clock())
    if not all(isinstance(outcome, Applied) for outcome in decision.outcomes):
        raise Clash("anything but a plain success needs a look")
    with faults(), engine.begin() as connection:
        write_down(connection, decision, Known())
        # Only now: an address that was free to take has its release on record, in the same commit; and an operation
        # that was not there was never applied, or the horizon says that it may have been.
        released, horizon = _releases(connection, mentioned(batch)[2])
        if any(delivery.write.version < horizon for delivery in batch):
            raise Clash("older than what is kept")
        for user in decision.users.values():
            by_others = [at for who, at in released.get(user.email_key or "", {}).items() if who != user.id]
            if max(by_others, default=0) > user.email_version:
                raise Clash("the address was somebody else's at that time")
    return decision


def apply_directly(
    engine: sa.Engine, write: Write, key_hash: str, changed: Callable[[Iterable[User]], None]
) -> Outcome:
    """Apply one write that never was on the stream, because the queue is away. A refusal leaves no trace: without
    the queue nobody can tell whether an earlier write, still on its way, would change it. Nor does a write that is
    superseded: its version was too low. `key_hash`: the queue is to be told of it, if there is one. `changed`: as
    for `apply`.

    Raises CommitUnknown when it may have happened, any other Fault when it did not.
    """
    with faults():
        connection = engine.connect()
    with faults(), connection:
        known = load(connection, [Delivery(write)])
        decision = decide([Delivery(write)], known, lambda _: False, wall_clock())
        if isinstance(decision.outcomes[0], Rejected | Superseded):
            return decision.outcomes[0]
        write_down(connection, decision, known)
        if key_hash and decision.ended:
            key = (key_hash, write.body_hash, write.operation_id, write.user_id, write.version)
            connection.execute(sa.insert(direct_keys).values(key))
        try:
            connection.commit()
        except Exception as error:
            raise CommitUnknown("no answer to a commit") from error
    changed(decision.users.values())
    return decision.outcomes[0]


@contextmanager
def faults() -> Iterator[None]:
    """Translate the driver's errors, each into a Fault: whatever a database raises is a dependency that failed."""
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise classify(error) from error


def load_ended(connection: sa.Connection, operation_ids: Iterable[str]) -> dict[str, Ended]:
    """The operations among `operation_ids` that are over."""
    return _ended(_rows_with(connection, f"{_SELECT_ENDED} operation_id IN ({{}})", operation_ids))


def _load_ended_or_keyed(connection: sa.Connection, operation_ids: Iterable[str]) -> tuple[dict[str, Ended], int]:
    """The same, and all others that are over and came with an Idempotency-Key of theirs; and the horizon."""
    parts = {each: keyed.key_part(each) for each in operation_ids}
    plain = sorted(each for each, part in parts.items() if part is None)
    ranges = sorted({keyed.bounds(part) for part in parts.values() if part is not None})
    where = [f"operation_id IN ({','.join(['%s'] * len(plain))})"] if plain else []
    where += ["operation_id BETWEEN %s AND %s"] * len(ranges)
    values = (*plain, *(end for ends in ranges for end in ends))
    query = f"{_SELECT_ENDED} {' OR '.join(where)} {_AND_HORIZON}"
    rows: Any = connection.exec_driver_sql(query, values).all()
    return _ended(row for row in rows if row[0]), _horizon(rows)


def _ended(rows: Iterable[Any]) -> dict[str, Ended]:
    return {
        operation_id: Ended(final_from(effect, user_version, rejection), entry_id, version)
        for operation_id, effect, user_version, rejection, entry_id, version in rows
    }


def final_from(effect: str, user_version: int, rejection: str | None) -> Final:
    """The outcome that an `operations` row records."""
    match effect:
        case "applied":
            return Applied(user_version)
        case "superseded":
            return Superseded(user_version)
        case _:
            what = json.loads(rejection or "{}")
            return Rejected(what.get("code", ""), what.get("detail", {}))


def user_from(row: sa.Row[Any]) -> User:
    """A `users` row as the core knows it."""
    return User(*row)


def load(connection: sa.Connection, batch: list[Delivery]) -> Known:
    """What deciding on `batch` needs to know; its users stay locked until the transaction ends."""
    operation_ids, user_ids, keys = mentioned(batch)
    ended, horizon = _load_ended_or_keyed(connection, operation_ids)
    known = Known(ended=ended, horizon=horizon)
    if keys:
        for row in _rows_with(connection, _SELECT_USERS_BY_KEY, keys):
            holder = User(*row)
            known.users[holder.id] = holder
            known.owners[holder.email_key or ""] = holder.id
        # After the holders: whoever sees an address free sees its release too.
        known.released, known.horizon = _releases(connection, keys)
    known.users.update({row[0]: User(*row) for row in _rows_with(connection, _LOCK_USERS, user_ids)})
    return known


def _locked(connection: sa.Connection, batch: list[Delivery]) -> set[str]:
    """Ids of the users of `batch` whose row another transaction has; the others' rows are ours from here on."""
    user_ids = {delivery.write.user_id for delivery in batch}
    there = {row[0] for row in _rows_with(connection, "SELECT id FROM users WHERE id IN ({})", user_ids)}
    if not there:
        return set()
    return there - {row[0] for row in _rows_with(connection, _LOCK_FREE_USERS, there)}


def _releases(connection: sa.Connection, keys: set[str]) -> tuple[dict[str, dict[str, int]], int]:
    """E-mail key -> who let go of it, and when last; and the horizon."""
    released: dict[str, dict[str, int]] = {}
    rows = _rows_with(connection, _SELECT_RELEASES if keys else _SELECT_HORIZON, keys)
    for key, user_id, version in rows:
        if key:
            released.setdefault(key, {})[user_id] = version
    return released, _horizon(rows)


def _horizon(rows: Sequence[Sequence[Any]]) -> int:
    """From the row without a key."""
    return next((int(row[2]) for row in rows if not row[0]), 0)


def _rows_with(connection: sa.Connection, query: str, values: Iterable[str]) -> Sequence[tuple[Any, ...]]:
    """The rows of `query`, its `{}` filled with a placeholder a value."""
    wanted = tuple(sorted(values))
    rows: Any = connection.exec_driver_sql(query.format(",".join(["%s"] * len(wanted))), wanted).all()
    return rows  # type: ignore[no-any-return]


def write_down(connection: sa.Connection, decision: Decision, known: Known) -> None:
    """Make the database say what was decided."""
    if decision.users:
        # Old rows go first, so that an address can pass from one user of the batch to another. A plain
        # INSERT and no upsert: a clash of addresses must fail, not overwrite the other user.
        if old := sorted(id for id in decision.users if id in known.users):
            connection.execute(sa.delete(users).where(users.c.id.in_(old)))
        connection.exec_driver_sql(_INSERT_USER, [_user_row(decision.users[id]) for id in sorted(decision.users)])
    if gone := sorted(user.id for user in decision.users.values() if user.deleted_version):
        values = ",".join(["(%s, UTC_TIMESTAMP(6))"] * len(gone))
        connection.exec_driver_sql(f"{_INSERT_DELETED} {values} {_DELETED_AGAIN}", tuple(gone))
    if decision.released:
        rows = [
            {"email_key": key, "user_id": user_id, "version": version}
            for (key, user_id), version in sorted(decision.released.items())
        ]
        connection.execute(_RELEASE, rows)
    if decision.ended:
        now = datetime.now(UTC).replace(tzinfo=None).isoformat(sep=" ")
        connection.exec_driver_sql(_INSERT_OPERATION, [_operation_row(*ended, now) for ended in decision.ended])


def _user_row(user: User) -> tuple[Any, ...]:
    """In the order of `users`' columns."""
    return (
        user.id, user.name, user.name_version, user.email, user.email_key, user.email_version, user.created_version,
        user.deleted_version,
    )  # fmt: skip


def _operation_row(delivery: Delivery, outcome: Final, now: str) -> tuple[Any, ...]:
    """In the order of `operations`' columns."""
    write = delivery.write
    rejection = None
    match outcome:
        case Applied(version) | Superseded(version):
            pass
        case Rejected(code, detail):
            version = 0
            rejection = json.dumps({"code": code, "detail": detail})
    return (
        write.operation_id, write.user_id, type(write.command).__name__, write.version, outcome.status, version,
        rejection, write.body_hash or None, delivery.entry_id, now,
    )  # fmt: skip
