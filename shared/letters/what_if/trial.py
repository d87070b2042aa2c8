"""Trial: runs the load, decide and write of apply.py on dead letters, in a transaction that is rolled back.

Letters of one entity are tried together in the order of acceptance, and each sees the changes of the letters before it,
as it would in a writer. The writes of a batch are really made, behind a savepoint. If the database refuses a batch, it
is split, much as the writer does, until the refusal belongs to one letter. Transactions are short, because the rows of
entities are locked while one runs.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.shared.faults import Clash, Contention, Outage, Unexplained, words_of
from holdfast.shared.letters.replays.resent import resent
from holdfast.shared.letters.what_if.prediction import Prediction, WhatIf
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.runtime.parts import parts_of
from holdfast.shared.store.connections import KEPT
from holdfast.shared.store.control import control_write
from holdfast.shared.store.engine import Engine, faults
from holdfast.shared.store.load import load
from holdfast.shared.store.write_down import write_down
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.decide import Decision, Delivery, Ended, Known, decide
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Outcome, Rejected, Retry, Superseded
from holdfast.shared.writes.versions import wall_clock

#: Letters per transaction, unless one entity has more.
_BATCH = 200
#: The number of parts into which a refused batch is split.
_PARTS = 8
_TRIES = 5
_PAUSE_S = 0.05

Fields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Tried:
    """A decoded letter that is being tried."""

    number: int
    delivery: Delivery


def what_if(engine: Engine, entries: Mapping[int, Fields]) -> dict[int, WhatIf]:
    """Return the verdict on each letter, by number. Nothing is ever changed. `entries`: the fields that a replay would
    send.

    Raises a Fault: Contention if it does not end, any fault before the first letter is tried, and Outage if a letter
    fails and a control write fails too.
    """
    verdicts: dict[int, WhatIf] = {}
    decoded: list[_Tried] = []
    for number, fields in entries.items():
        try:
            decoded.append(_Tried(number, Delivery(decode(resent(fields)), f"what-if-{number}")))
        except Undecodable as error:
            verdicts[number] = WhatIf(Prediction.UNDECODABLE, str(error))
        except Exception as error:  # noqa: BLE001 - a bug in our code must affect the verdict on one letter only
            verdicts[number] = WhatIf(Prediction.STILL_FAILS, type(error).__name__)
    for batch in _batches(decoded):
        verdicts |= _insist(engine, batch)
        if any(verdicts[one.number].verdict is Prediction.STILL_FAILS for one in batch):
            control_write(engine)
    return {number: verdicts[number] for number in entries}


def _kept(engine: Engine) -> sa.Connection:
    """Return a connection that is kept after an unexplained error, so that one letter's error does not end the trial of
    the others."""
    return engine.connect().execution_options(**{KEPT: (Unexplained,)})


def _batches(tried: list[_Tried]) -> Iterator[list[_Tried]]:
    """Yield batches, which keep an entity's letters together in the order of acceptance."""
    batch: list[_Tried] = []
    for one in sorted(tried, key=lambda one: (one.delivery.write.ref, one.delivery.write.version, one.number)):
        if len(batch) >= _BATCH and batch[-1].delivery.write.ref != one.delivery.write.ref:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _insist(engine: Engine, batch: list[_Tried]) -> dict[int, WhatIf]:
    """Return the verdicts of a batch. On contention it is tried again after a pause, because live traffic comes first.
    Raises Contention after the last attempt."""
    for left in reversed(range(_TRIES)):
        try:
            with faults(), _kept(engine) as connection, connection.begin() as transaction:
                ordered = sorted(batch, key=lambda one: one.delivery.write.version)
                known = load(connection, [one.delivery for one in ordered])
                verdicts, _ = _try(connection, ordered, known)
                transaction.rollback()
                return verdicts
        except Contention:
            if not left:
                raise
            time.sleep(_PAUSE_S)
    raise AssertionError("unreachable")


def _try(connection: sa.Connection, batch: Sequence[_Tried], known: Known) -> tuple[dict[int, WhatIf], Known]:
    """Return the verdicts of a batch, and the known state after it. The batch is in the order of acceptance, and its
    writes are made, so that later letters see them. `known`: the current state, including our own writes."""
    savepoint = connection.begin_nested()
    try:
        with faults():
            verdicts, decision, after = _decide(batch, known)
            write_down(connection, decision, known)
            savepoint.commit()
        return verdicts, after
    except (Outage, Contention) as fault:
        if not isinstance(fault, Clash):
            raise  # the transaction is gone, and has to be repeated as a whole
        savepoint.rollback()
        error: Exception = fault
    except Exception as unknown:  # noqa: BLE001 - any error belongs to one letter
        savepoint.rollback()
        error = unknown
    if len(batch) == 1:
        return {batch[0].number: WhatIf(Prediction.STILL_FAILS, words_of(error))}, known
    tried: dict[int, WhatIf] = {}
    for part in parts_of(batch, -(-len(batch) // _PARTS)):
        verdicts, known = _try(connection, part, known)
        tried |= verdicts
    return tried, known


def _decide(batch: Sequence[_Tried], known: Known) -> tuple[dict[int, WhatIf], Decision, Known]:
    """Decide on the letters one by one, so that each has its own state before and after. Return the verdicts, the
    common decision, and the state after it; `known` stays as it is."""
    verdicts: dict[int, WhatIf] = {}
    whole = Decision(outcomes=[], entities={}, ended=[], released={})
    released = {claim: dict(versions) for claim, versions in known.released.items()}
    now = Known(dict(known.ended), dict(known.entities), dict(known.owners), released, known.horizon)
    for one in batch:
        write = one.delivery.write
        before = now.entities.get(write.ref)
        seen = _concerning(now, write)
        waits = decide([one.delivery], seen, lambda _: True, wall_clock()).outcomes[0]
        decision = decide([one.delivery], seen, lambda _: False, wall_clock())
        verdict, why, detail = _named(decision.outcomes[0])
        after = decision.entities.get(write.ref, before)
        # If the write would wait only for the owner of a taken value, the rejection is reported instead of the wait,
        # because a write in flight hardly ever releases the value.
        behind_own = isinstance(waits, Retry) and write.ref in waits.waits_for
        then = verdict if behind_own else None
        verdicts[one.number] = WhatIf(Prediction.WOULD_WAIT if then else verdict, why, before, after, then, detail)
        _remember(now, decision)
        whole.entities |= decision.entities
        whole.ended += decision.ended
        for release, version in decision.released.items():
            whole.released[release] = max(version, whole.released.get(release, 0))
    return verdicts, whole, now


def _concerning(known: Known, write: Write) -> Known:
    """Return the part of the known state that one write needs."""
    claims = write.claims
    owners = {claim: known.owners[claim] for claim in claims if claim in known.owners}
    operations = [write.operation_id, write.after or ""]
    return Known(
        {id: known.ended[id] for id in operations if id in known.ended},
        {ref: known.entities[ref] for ref in (write.ref, *owners.values()) if ref in known.entities},
        owners,
        {claim: known.released[claim] for claim in claims if claim in known.released},
        known.horizon,
    )


def _remember(known: Known, decision: Decision) -> None:
    """Change the known state to what a load from the database would return after the write."""
    for ref in decision.entities:
        for claim in known.entities[ref].claims if ref in known.entities else ():
            if known.owners.get(claim) == ref:
                del known.owners[claim]
    for ref, entity in decision.entities.items():
        known.owners |= dict.fromkeys(entity.claims, ref)
        known.entities[ref] = entity
    for delivery, outcome in decision.ended:
        known.ended[delivery.write.operation_id] = Ended(outcome, delivery.entry_id, delivery.write.version)
    for (claim, id), version in decision.released.items():
        mine = known.released.setdefault(claim, {})
        mine[id] = max(mine.get(id, 0), version)


def _named(outcome: Outcome) -> tuple[Prediction, str, dict[str, object]]:
    match outcome:
        case Applied():
            return Prediction.WOULD_APPLY, "", {}
        case Superseded(version):
            return Prediction.SUPERSEDED, "the entity's row is newer", {"entity_version": version}
        case Rejected(code, detail):
            return Prediction.REJECTED, code, dict(detail)
        case Duplicate(_, first):
            ended, why, detail = _named(first)
            return Prediction.ALREADY_APPLIED, "the operation has ended", {"as": _ENDED[ended], "code": why} | detail
        case Dead(_, failure):
            return Prediction.STILL_FAILS, failure.message, {}
        case Retry():
            raise AssertionError("nothing waits without patience")


_ENDED = {Prediction.WOULD_APPLY: "applied", Prediction.SUPERSEDED: "superseded", Prediction.REJECTED: "rejected"}
