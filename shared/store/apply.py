"""Apply: the only code that changes entities. It loads, decides and writes down, in one transaction per batch."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import sqlalchemy as sa

from holdfast.shared.faults import Clash, CommitUnknown
from holdfast.shared.store.deaths import Dying, span_of, too_late
from holdfast.shared.store.engine import faults, transaction
from holdfast.shared.store.load import load, load_releases, locked_entities
from holdfast.shared.store.tables import direct_keys
from holdfast.shared.store.write_down import write_down
from holdfast.shared.writes.commands import Claim, Create, Heartbeat, Write
from holdfast.shared.writes.decide import Decision, Delivery, Known, Patience, decide
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Applied, Dead, Failure, Outcome, Reason, Rejected, Retry, Superseded
from holdfast.shared.writes.versions import wall_clock

#: Called with the changed entities after the commit.
Changed = Callable[[Iterable[Entity]], None]

_GAVE_UP = Dead(Reason.ATTEMPTS_EXHAUSTED, Failure("GaveUp", "GAVE_UP", "a writer had already decided that it is dead"))


class _TooLate(Exception):
    """Some deliveries came too late: their entries are dead letters, or are about to be."""

    def __init__(self, dead: set[Dying]) -> None:
        super().__init__()
        self.dead = dead


def apply(
    engine: sa.Engine,
    batch: list[Delivery],
    patient: Patience,
    changed: Changed,
    *,
    past_locks: bool = False,
) -> list[Outcome]:
    """Apply `batch` in one transaction. Return one outcome per delivery, in the order of the batch.

    `past_locks`: leave writes to entities whose rows another transaction has locked for a later call, instead of
    waiting for the locks. Raises a Fault. After an Outage or an Unexplained, the transaction may have been committed or
    not; after any other fault it had no effect. The kind of fault is a guess by the error's number.
    """
    patient = _asked(batch, patient)
    try:
        return _applied(engine, batch, patient, changed, past_locks=past_locks)
    except _TooLate as late:
        gone = [Dying(delivery.write.operation_id, delivery.entry_id or "") in late.dead for delivery in batch]
    living = [delivery for delivery, is_gone in zip(batch, gone, strict=True) if not is_gone]
    outcomes = iter(apply(engine, living, patient, changed, past_locks=past_locks) if living else ())
    return [_GAVE_UP if is_gone else next(outcomes) for is_gone in gone]


def _applied(
    engine: sa.Engine, batch: list[Delivery], patient: Patience, changed: Changed, *, past_locks: bool
) -> list[Outcome]:
    """Apply `batch` in one transaction. Raises _TooLate, and does not commit, if an entry has given up."""
    if not past_locks and all(_is_new(delivery.write) for delivery in batch):
        # The store almost never knows anything of new entities. The tables' keys show the exceptions for less than a
        # query costs.
        with suppress(Clash):
            decision = _insert_unlooked(engine, batch, patient)
            changed(decision.entities.values())
            return decision.outcomes
    with transaction(engine) as connection:
        locked = locked_entities(connection, batch) if past_locks else set()
        free = [delivery for delivery in batch if delivery.write.ref not in locked] if locked else batch
        known = load(connection, free) if free else Known()
        decision = decide(free, known, patient, wall_clock())
        write_down(connection, decision, known)
        ending = [delivery for delivery, _ in decision.ended]
        if dead := too_late(connection, ending):  # after the operations are written: see deaths.py
            raise _TooLate(dead)
    changed(decision.entities.values())
    if not locked:
        return decision.outcomes
    outcomes = iter(decision.outcomes)
    return [Retry(locked=True) if delivery.write.ref in locked else next(outcomes) for delivery in batch]


def _asked(batch: list[Delivery], patient: Patience) -> Patience:
    """Return `patient` with its answers as of now, before anything is loaded. A write may have stopped waiting because
    its predecessor is over, and only a load after that is sure to see the predecessor's end."""
    impatient = {delivery.write.operation_id for delivery in batch if not patient(delivery.write)}
    return lambda write: write.operation_id not in impatient


def _is_new(write: Write) -> bool:
    """Return whether the store probably knows nothing of the write. An earlier operation of its Idempotency-Key, if it
    was rejected, has left no row that the tables' keys would show."""
    return isinstance(write.command, Create | Heartbeat) and not write.key_unsure


def _insert_unlooked(engine: sa.Engine, batch: list[Delivery], patient: Patience) -> Decision:
    """Apply creates as if the store knew nothing of their entities. Raises Clash if it knows something, or may."""
    decision = decide(batch, Known(), patient, wall_clock())
    if not all(isinstance(outcome, Applied) for outcome in decision.outcomes):
        raise Clash("anything but a plain success needs a look")
    with transaction(engine) as connection:
        write_down(connection, decision, Known())
        # After the inserts. If a value was free to take because another entity released it, that release was recorded
        # in the same commit, so it is visible now. If an operation was not there, it was never applied, or the horizon
        # shows that it may have been. The unique indexes kept the inserted values apart: if one is missing, whenever it
        # was dropped, the query fails.
        claims = [claim for entity in decision.entities.values() for claim in entity.claims]
        resources = {entity.resource for entity in decision.entities.values()}
        released, horizon = load_releases(connection, claims, span_of(batch), resources)
        if any(delivery.write.version < horizon for delivery in batch):
            raise Clash("older than what is kept")
        if released and too_late(connection, batch):
            raise Clash("a dead letter, or about to be")
        if released and any(_released_later(entity, released) for entity in decision.entities.values()):
            raise Clash("a value was another entity's at that time")
    return decision


def _released_later(entity: Entity, released: Mapping[Claim, Mapping[str, int]]) -> bool:
    """Return whether another entity released one of this entity's values after this entity set it."""
    return any(
        at > entity.version
        for claim in entity.claims
        for other, at in released.get(claim, {}).items()
        if other != entity.id
    )


def apply_directly(engine: sa.Engine, write: Write, key_hash: str, changed: Changed) -> Outcome:
    """Apply one write that was never on the stream, because the queue is down.

    A rejected write is not recorded: without the queue it is unknown whether an earlier pending write would change the
    outcome. Nor is a superseded write, whose version was too low. `key_hash`: the hash of the Idempotency-Key, which is
    recorded so that the queue can learn it later; empty if there is none. Raises CommitUnknown if the write may have
    been applied, and any other Fault if it was not.
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
            key = (key_hash, write.body_hash, write.operation_id, *write.ref, write.version)
            connection.execute(sa.insert(direct_keys).values(key))
        try:
            connection.commit()
        except Exception as error:
            raise CommitUnknown("no answer to a commit") from error
    changed(decision.entities.values())
    return decision.outcomes[0]
