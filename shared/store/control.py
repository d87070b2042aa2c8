"""Control write: a write that is known to be good, made as any other: the same statements, through the same pool, with
a commit. If it fails, no failure beside it says anything about the data.

It leaves nothing behind. A user is created, changed and deleted as a writer would do it, behind a savepoint. Then a row
is inserted and deleted for the commit to carry: clusters and read-only servers may refuse no earlier.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from holdfast.shared.faults import Fault, Outage, Unexplained
from holdfast.shared.store.apply import faults, load, write_down
from holdfast.shared.store.engine import Engine
from holdfast.shared.store.tables import users
from holdfast.shared.writes.commands import Command, CreateUser, DeleteUser, UpdateUser, Write
from holdfast.shared.writes.decide import Decision, Delivery, Known, decide
from holdfast.shared.writes.outcome import Applied
from holdfast.shared.writes.versions import wall_clock


def control_write(engine: Engine) -> None:
    """Raises Outage if it fails."""
    try:
        with faults(), engine.begin() as connection:
            _write_and_delete(connection)
    except Fault as fault:
        raise Outage(f"a control write failed: {fault}", f"a control write failed: {fault.detail}") from fault


@contextmanager
def evidence(engine: Engine) -> Iterator[None]:
    """An unexplained error inside is raised as an Outage if a control write fails as well."""
    try:
        yield
    except Unexplained:
        control_write(engine)
        raise


def _write_and_delete(connection: sa.Connection) -> None:
    savepoint = connection.begin_nested()
    created, *_ = [_applied(connection, write) for write in _a_life()]
    savepoint.rollback()
    write_down(connection, Decision(outcomes=[], users=created.users, ended=[], released={}), Known())
    connection.execute(sa.delete(users).where(users.c.id.in_(created.users)))


def _applied(connection: sa.Connection, write: Write) -> Decision:
    batch = [Delivery(write)]
    known = load(connection, batch)
    decision = decide(batch, known, lambda _: False, wall_clock())
    if not isinstance(decision.outcomes[0], Applied):
        raise Unexplained(f"a control write was answered with {type(decision.outcomes[0]).__name__}")
    write_down(connection, decision, known)
    return decision


def _a_life() -> list[Write]:
    """Of a user: every kind of statement that a write may need."""
    user_id, now = str(uuid.uuid4()), wall_clock()
    commands: tuple[Command, ...] = (
        CreateUser(name="c", email=f"{user_id}@a.invalid"),
        UpdateUser(email=f"{user_id}@b.invalid"),
        DeleteUser(),
    )
    return [Write(str(uuid.uuid4()), user_id, command, now + after) for after, command in enumerate(commands)]
