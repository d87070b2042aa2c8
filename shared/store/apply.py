"""Apply: the one function that changes entities. Load, decide, write down: one transaction per batch."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import sqlalchemy as sa

from holdfast.shared.faults import Clash, CommitUnknown
from holdfast.shared.store.deaths import Dying, span_of, too_late
from holdfast.shared.store.engine import faults, transaction
from holdfast.shared.store.load import load, load_releases, locked_entities
from holdfast.shared.store.tables import direct_keys
from holdfast.shared.store.write_down import write_down
from holdfast.shared.writes.commands import Create, Heartbeat, Write
from holdfast.shared.writes.decide import Claim, Decision, Delivery, Known, Patience, decide
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Applied, Dead, Failure, Outcome, Reason, Rejected, Retry, Superseded
from holdfast.shared.writes.versions import wall_clock

#: Called with the entities that are not as they were, once that is committed.
Changed = Callable[[Iterable[Entity]], None]

_GAVE_UP = Dead(Reason.ATTEMPTS_EXHAUSTED, Failure("GaveUp", "GAVE_UP", "a writer had already decided that it is dead"))


class _TooLate(Exception):
    """These are dead letters, or about to be."""

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
    """Apply `batch` in one transaction; one outcome each, in the order of the batch. `past_locks`: writes to entities
    whose row another transaction has locked are left for later; without it, the lock is waited for.

    Raises a Fault. After an Outage or an Unexplained nothing is known: it may have been committed. After any other
    nothing happened. Which of them it is, is a guess by the error's number.
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
    """Raises _TooLate instead of a commit."""
    if not past_locks and all(isinstance(delivery.write.command, Create | Heartbeat) for delivery in batch):
        # Almost always nothing is known of new entities. The keys of the tables find out for less than a look does.
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
        if dead := too_late(connection, ending):  # only now: see deaths.py
            raise _TooLate(dead)
    changed(decision.entities.values())
    if not locked:
        return decision.outcomes
    outcomes = iter(decision.outcomes)
    return [Retry(locked=True) if delivery.write.ref in locked else next(outcomes) for delivery in batch]


def _asked(batch: list[Delivery], patient: Patience) -> Patience:
    """`patient`, asked before anything is loaded. A write may have lost its patience because the one before it is over,
    which only what is loaded afterwards is sure to show."""
    impatient = {delivery.write.operation_id for delivery in batch if not patient(delivery.write)}
    return lambda write: write.operation_id not in impatient


def _insert_unlooked(engine: sa.Engine, batch: list[Delivery], patient: Patience) -> Decision:
    """Apply creates as if nothing were known of their entities. Raises Clash when something is, or may be."""
    decision = decide(batch, Known(), patient, wall_clock())
    if not all(isinstance(outcome, Applied) for outcome in decision.outcomes):
        raise Clash("anything but a plain success needs a look")
    with transaction(engine) as connection:
        write_down(connection, decision, Known())
        # Only now: a value that was free to take has its release on record, in the same commit; and an operation
        # that was not there was never applied, or the horizon says that it may have been. And what was inserted was
        # kept apart from all that is there: an index that is missing is an error, whenever it went.
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
    """Whether another entity had one of its values after this one set it."""
    return any(
        at > entity.version
        for claim in entity.claims
        for other, at in released.get(claim, {}).items()
        if other != entity.id
    )


def apply_directly(engine: sa.Engine, write: Write, key_hash: str, changed: Changed) -> Outcome:
    """Apply one write that never was on the stream, because the queue is away. A refusal leaves no trace: without
    the queue it is unknown whether an earlier write, still on its way, would change it. Nor does a write that is
    superseded: its version was too low. `key_hash`: kept for the queue to learn, if there is one.

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
            key = (key_hash, write.body_hash, write.operation_id, *write.ref, write.version)
            connection.execute(sa.insert(direct_keys).values(key))
        try:
            connection.commit()
        except Exception as error:
            raise CommitUnknown("no answer to a commit") from error
    changed(decision.entities.values())
    return decision.outcomes[0]
