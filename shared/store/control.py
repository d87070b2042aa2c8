"""Control write: a write that is known to be good and is made like any other: with the same statements, through the
same pool, with a commit. If it fails, the failure of another write at that time says nothing about that write's data.

A control write leaves nothing behind. Behind a savepoint, an entity of each resource is created, changed and deleted as
a writer would do it. After a rollback to the savepoint, each entity's row is inserted and deleted, so that the commit
has a content: clusters and read-only servers may refuse a write only at the commit.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from holdfast.shared.domain.registry import domain
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.faults import BadData, Fault, NotPrimary, Outage, Refusal, Unexplained
from holdfast.shared.store.engine import Engine, transaction
from holdfast.shared.store.load import load
from holdfast.shared.store.statements import statements_of
from holdfast.shared.store.write_down import write_down
from holdfast.shared.writes.commands import Command, Create, Delete, Update, Write
from holdfast.shared.writes.decide import Decision, Delivery, Known, decide
from holdfast.shared.writes.outcome import Applied
from holdfast.shared.writes.versions import wall_clock


def control_write(engine: Engine) -> None:
    """Make a control write. Raises Outage if it fails, or its subclass NotPrimary or Refusal if the database answers
    but does not accept a good write."""
    try:
        with transaction(engine) as connection:
            _write_and_delete(connection)
    except Fault as fault:
        refuses = isinstance(fault, Refusal | BadData | Unexplained)
        kind = NotPrimary if isinstance(fault, NotPrimary) else Refusal if refuses else Outage
        raise kind(f"a control write failed: {fault}", f"a control write failed: {fault.detail}") from fault


@contextmanager
def evidence(engine: Engine) -> Iterator[None]:
    """Make a control write if the block raises Unexplained. Raises Outage if the control write fails too, and otherwise
    the block's own error."""
    try:
        yield
    except Unexplained:
        control_write(engine)
        raise


def _write_and_delete(connection: sa.Connection) -> None:
    savepoint = connection.begin_nested()
    lives = [[_applied(connection, write) for write in _a_life(resource)] for resource in domain().resources]
    savepoint.rollback()
    entities = {ref: entity for created, *_ in lives for ref, entity in created.entities.items()}
    write_down(connection, Decision(outcomes=[], entities=entities, ended=[], released={}), Known())
    for entity in entities.values():
        connection.exec_driver_sql(statements_of(entity.resource).delete.format("%s"), (entity.id,))


def _applied(connection: sa.Connection, write: Write) -> Decision:
    batch = [Delivery(write)]
    known = load(connection, batch)
    decision = decide(batch, known, lambda _: False, wall_clock())
    if not isinstance(decision.outcomes[0], Applied):
        raise Unexplained(f"a control write was answered with {type(decision.outcomes[0]).__name__}")
    write_down(connection, decision, known)
    return decision


def _a_life(resource: ResourceType) -> list[Write]:
    """Return the writes that create, change and delete one entity, which need every kind of statement that a write may
    need."""
    entity_id, now = str(uuid.uuid4()), wall_clock()
    created, changed = (
        {field.name: field.type.unlikely(uuid.uuid4().hex if field.unique else digit) for field in resource.fields}
        for digit in "cd"
    )
    commands: tuple[Command, ...] = (Create(resource, created), Update(resource, changed), Delete(resource))
    return [Write(str(uuid.uuid4()), entity_id, command, now + after) for after, command in enumerate(commands)]
