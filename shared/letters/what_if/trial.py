"""What-if: the real load, decide and write of apply.py, in a transaction that is rolled back.

Letters of one entity are tried together in the order of acceptance, each seeing what the ones before it would have
done, as a writer would have it. The writes of a batch are made for real, behind a savepoint; when the database refuses
them the batch is split, much as the writer does it, until the refusal belongs to one letter. Transactions are short:
the rows of entities are locked while one runs.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.shared.faults import Clash, Contention, Outage, Unexplained, words_of
from holdfast.shared.letters.replays.resent import resent
from holdfast.shared.letters.what_if.verdict import Verdict, WhatIf
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.store.connections import KEPT
from holdfast.shared.store.control import control_write
from holdfast.shared.store.engine import Engine, faults
from holdfast.shared.store.load import load
from holdfast.shared.store.write_down import write_down
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.decide import Decision, Delivery, Ended, Known, claims_of, decide
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Outcome, Rejected, Retry, Superseded
from holdfast.shared.writes.versions import wall_clock

#: Letters of one transaction, unless one entity has more.
_BATCH = 200
#: Into how many a batch is split that the database refuses.
_PARTS = 8
_TRIES = 5
_PAUSE_S = 0.05

Fields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Tried:
    """One letter on its way to a verdict."""

    number: int
    delivery: Delivery


def what_if(engine: Engine, entries: Mapping[int, Fields]) -> dict[int, WhatIf]:
    """The verdict of each letter (by number), whose entry would have these fields. Raises a Fault: contention that
    does not end, what fails before any letter is tried, Outage when a letter fails and a control write too. Nothing is
    ever changed."""
    verdicts: dict[int, WhatIf] = {}
    decoded: list[_Tried] = []
    for number, fields in entries.items():
        try:
            decoded.append(_Tried(number, Delivery(decode(resent(fields)), f"what-if-{number}")))
        except Undecodable as error:
            verdicts[number] = WhatIf(Verdict.UNDECODABLE, str(error))
        except Exception as error:  # noqa: BLE001 - a bug of ours is one letter's verdict, not that of all
            verdicts[number] = WhatIf(Verdict.STILL_FAILS, type(error).__name__)
    for batch in _batches(decoded):
        verdicts |= _insist(engine, batch)
        if any(verdicts[one.number].verdict is Verdict.STILL_FAILS for one in batch):
            control_write(engine)
    return {number: verdicts[number] for number in entries}


def _kept(engine: Engine) -> sa.Connection:
    """One on which a letter's error ends no other letter's try."""
    return engine.connect().execution_options(**{KEPT: (Unexplained,)})


def _batches(tried: list[_Tried]) -> Iterator[list[_Tried]]:
    """An entity's letters stay together, in the order of acceptance."""
    batch: list[_Tried] = []
    for one in sorted(tried, key=lambda one: (one.delivery.write.ref, one.delivery.write.version, one.number)):
        if len(batch) >= _BATCH and batch[-1].delivery.write.ref != one.delivery.write.ref:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _insist(engine: Engine, batch: list[_Tried]) -> dict[int, WhatIf]:
    """Through contention: live traffic comes first."""
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
    """The verdicts of a batch that is in order, and what is known after it: what it would do is done, for the ones
    after it to see. `known`: what is so now, our own writes included."""
    savepoint = connection.begin_nested()
    try:
        with faults():
            verdicts, decision, after = _decide(batch, known)
            write_down(connection, decision, known)
            savepoint.commit()
        return verdicts, after
    except (Outage, Contention) as fault:
        if not isinstance(fault, Clash):
            raise  # the transaction is gone: all of it again
        savepoint.rollback()
        error: Exception = fault
    except Exception as unknown:  # noqa: BLE001 - whatever it is, it belongs to a letter
        savepoint.rollback()
        error = unknown
    if len(batch) == 1:
        return {batch[0].number: WhatIf(Verdict.STILL_FAILS, words_of(error))}, known
    tried: dict[int, WhatIf] = {}
    width = -(-len(batch) // _PARTS)
    for at in range(0, len(batch), width):
        verdicts, known = _try(connection, batch[at : at + width], known)
        tried |= verdicts
    return tried, known


def _decide(batch: Sequence[_Tried], known: Known) -> tuple[dict[int, WhatIf], Decision, Known]:
    """One after the other, so that each has a before and an after of its own. `known` stays as it was."""
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
        # A refusal because of a taken value is reported as such: a write in flight hardly ever changes it.
        behind_own = isinstance(waits, Retry) and write.ref in waits.waits_for
        then = verdict if behind_own else None
        verdicts[one.number] = WhatIf(Verdict.WOULD_WAIT if then else verdict, why, before, after, then, detail)
        _remember(now, decision)
        whole.entities |= decision.entities
        whole.ended += decision.ended
        for release, version in decision.released.items():
            whole.released[release] = max(version, whole.released.get(release, 0))
    return verdicts, whole, now


def _concerning(known: Known, write: Write) -> Known:
    """The little that one write needs."""
    claims = claims_of(write)
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
    """As a look into the database would find it after the write."""
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


def _named(outcome: Outcome) -> tuple[Verdict, str, dict[str, object]]:
    match outcome:
        case Applied():
            return Verdict.WOULD_APPLY, "", {}
        case Superseded(version):
            return Verdict.SUPERSEDED, "the entity's row is newer", {"entity_version": version}
        case Rejected(code, detail):
            return Verdict.REJECTED, code, dict(detail)
        case Duplicate(_, first):
            ended, why, detail = _named(first)
            return Verdict.ALREADY_APPLIED, "the operation has ended", {"as": _ENDED[ended], "code": why} | detail
        case Dead(_, failure):
            return Verdict.STILL_FAILS, failure.message, {}
        case Retry():
            raise AssertionError("nothing waits without patience")


_ENDED = {Verdict.WOULD_APPLY: "applied", Verdict.SUPERSEDED: "superseded", Verdict.REJECTED: "rejected"}
