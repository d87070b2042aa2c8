"""Decide: works out in memory what a batch of writes does, from what the store knows.

This module is pure. The store loads `Known`, calls `decide`, and writes the `Decision` in the same transaction.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.shared.errors import KeyReused, WriteExpired
from holdfast.shared.writes import keyed
from holdfast.shared.writes.commands import Claim, Heartbeat, Ref, Write
from holdfast.shared.writes.merge import FREE, Entity, Holder, merge, taken
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Failure, Final, Outcome, Reason, Rejected, Retry


class Delivery(NamedTuple):
    """A write as it arrived: in a stream entry, or directly from the api, where `entry_id` is None."""

    write: Write
    entry_id: str | None = None


class Ended(NamedTuple):
    """The end of an operation: its outcome, the entry that ended it, or None if the api applied it directly, and the
    version of the write."""

    outcome: Final
    entry_id: str | None
    version: int = 0


@dataclass(slots=True)
class Known:
    """The store's state of the operations, entities and unique values that a batch mentions."""

    ended: dict[str, Ended] = field(default_factory=dict)
    entities: dict[Ref, Entity] = field(default_factory=dict)
    #: The entity that has a value now.
    owners: dict[Claim, Ref] = field(default_factory=dict)
    #: For each value, by the id of an entity: the version at which the entity last released the value.
    released: dict[Claim, dict[str, int]] = field(default_factory=dict)
    #: The store may have forgotten that an operation older than this version was applied.
    horizon: int = 0


@dataclass(slots=True)
class Decision:
    """The changes to write, and the `outcomes` in the order of the batch."""

    outcomes: list[Outcome]
    entities: dict[Ref, Entity]
    ended: list[tuple[Delivery, Final]]
    #: (unique value, id of the entity) -> the version at which the entity released it.
    released: dict[tuple[Claim, str], int]


_TOO_OLD = Dead(
    Reason.TOO_OLD, Failure("TooOld", "TOO_OLD", "older than what is kept: whether it was applied is no longer known")
)

#: Returns whether a write that may have overtaken an earlier write should still wait for it.
Patience = Callable[[Write], bool]


def mentioned(batch: Iterable[Delivery]) -> tuple[set[str], set[Ref], set[Claim]]:
    """Return the (operation ids, entities, unique values) whose state the decision on `batch` needs."""
    operations: set[str] = set()
    entities: set[Ref] = set()
    claims: set[Claim] = set()
    for delivery in batch:
        write = delivery.write
        operations.add(write.operation_id)
        if write.after:
            operations.add(write.after)
        if not isinstance(write.command, Heartbeat):
            entities.add(write.ref)
        claims.update(write.claims)
    return operations, entities, claims


def decide(batch: list[Delivery], known: Known, patient: Patience, now: int) -> Decision:
    """Decide on every write of `batch`, oldest first. Each write sees the changes of the writes before it. `now`: the
    time as a version."""
    decision = Decision(outcomes=[Retry()] * len(batch), entities={}, ended=[], released={})
    state = _State(known)
    for index in sorted(range(len(batch)), key=lambda i: batch[i].write.version):
        delivery = batch[index]
        decision.outcomes[index] = _one(delivery, state, decision, patient, now)
    decision.entities = state.changed
    return decision


class _State:
    """A copy of `Known` that the batch changes step by step."""

    def __init__(self, known: Known) -> None:
        self.ended = dict(known.ended)
        self.keyed: dict[str, tuple[int, str]] = {}
        for operation_id, ended in known.ended.items():
            self.remember(operation_id, ended.version)
        self.entities = dict(known.entities)
        self.owners = dict(known.owners)
        self.released = {claim: dict(versions) for claim, versions in known.released.items()}
        self.changed: dict[Ref, Entity] = {}
        self.horizon = known.horizon

    def remember(self, operation_id: str, version: int) -> None:
        """Remember an ended operation if it is the oldest of its Idempotency-Key: the key belongs to its oldest
        operation."""
        if part := keyed.key_part(operation_id):
            self.keyed[part] = min(self.keyed.get(part, (version, operation_id)), (version, operation_id))

    def reused(self, write: Write) -> Rejected | None:
        """Return a rejection if the write's Idempotency-Key belongs to an older write, which made another request; else
        None."""
        version, first = self.keyed.get(keyed.key_part(write.operation_id) or "", (write.version, ""))
        return Rejected(KeyReused.code, {"first_operation_id": first}) if version < write.version else None

    def holders(self, write: Write, ref: Ref, keys: Sequence[str | None]) -> Sequence[Holder]:
        """Return the holder of each unique field's value in `keys`; empty if all values are free."""
        resource = write.command.resource
        claims = tuple(zip(resource.claim_names, keys, strict=True))
        if self.owners.keys().isdisjoint(claims) and self.released.keys().isdisjoint(claims):
            return ()
        return [
            FREE if key is None else self._holder(ref, (claims, key), field.index)
            for field, claims, key in zip(resource.unique, resource.claim_names, keys, strict=True)
        ]

    def _holder(self, ref: Ref, claim: Claim, index: int) -> Holder:
        owner, released_by = self.owners.get(claim), self.released.get(claim)
        if released_by is None and (owner is None or owner == ref):
            return FREE
        released = max((version for id, version in (released_by or {}).items() if id != ref.id), default=0)
        if owner is None or owner == ref:
            return Holder(released=released)
        since = self.entities[owner].versions[index] if owner in self.entities else 0
        return Holder(owner, since, released)

    def put(self, ref: Ref, before: Entity | None, after: Entity, version: int) -> list[Claim]:
        """Store the changed entity. Return the unique values that it released at `version`."""
        self.entities[ref] = self.changed[ref] = after
        if before and before.keys == after.keys:
            return []
        held = after.claims
        released = [claim for claim in (before.claims if before else ()) if claim not in held]
        for claim in released:
            self.owners.pop(claim, None)
            mine = self.released.setdefault(claim, {})
            mine[after.id] = max(mine.get(after.id, 0), version)
        for claim in held:
            self.owners[claim] = ref
        return released


def duplicate(first: Ended, entry_id: str | None) -> Duplicate:
    """Return the outcome of a delivery whose operation is over."""
    return Duplicate(first.entry_id == entry_id, first.outcome, first.entry_id is None)


def _one(delivery: Delivery, state: _State, decision: Decision, patient: Patience, now: int) -> Outcome:
    write = delivery.write
    if first := state.ended.get(write.operation_id):
        return duplicate(first, delivery.entry_id)
    if write.version < state.horizon:
        return _TOO_OLD
    if isinstance(write.command, Heartbeat):
        return _end(delivery, Applied(write.version), state, decision)
    # No write may end before its predecessor, whatever its outcome: the next write takes the end of this write as the
    # end of all writes before it.
    overtaking = write.after is not None and write.after not in state.ended
    if overtaking and patient(write):
        return Retry(waits_for=(write.ref,))
    if reused := state.reused(write):
        return _end(delivery, reused, state, decision)
    if write.expires_at is not None and write.expires_at <= now:
        expired = Rejected(WriteExpired.code, {"expires_at": write.expires_at})
        return _end(delivery, expired, state, decision)
    return _merged(delivery, state, decision, patient, overtaking)


def _merged(delivery: Delivery, state: _State, decision: Decision, patient: Patience, overtaking: bool) -> Outcome:
    """Merge a write that no earlier rule has decided, and return its outcome."""
    write = delivery.write
    ref = write.ref
    before = state.entities.get(ref)
    keys = write.command.resource.keys(write.command.values)
    holders = state.holders(write, ref, keys) if keys.count(None) < len(keys) else ()
    after, outcome = merge(before, write, holders, keys=keys, overtaking=overtaking)
    if isinstance(outcome, Rejected):
        owner = _who_may_yet_release(outcome, before, write, holders, keys)
        if owner is not None and patient(write):
            return Retry(waits_for=(owner,))

    if after is not None and after != before:
        for claim in state.put(ref, before, after, write.version):
            decision.released[claim, write.entity_id] = write.version
    return _end(delivery, outcome, state, decision)


def _end(delivery: Delivery, outcome: Final, state: _State, decision: Decision) -> Final:
    write = delivery.write
    state.ended[write.operation_id] = Ended(outcome, delivery.entry_id, write.version)
    state.remember(write.operation_id, write.version)
    decision.ended.append((delivery, outcome))
    return outcome


def _who_may_yet_release(
    outcome: Rejected, before: Entity | None, write: Write, holders: Sequence[Holder], keys: Sequence[str | None]
) -> Ref | None:
    """Return the owner of the unique value because of which the write was rejected, or None if it was rejected for
    another reason. A pending write of the owner may release the value."""
    if outcome.code not in write.command.resource.taken_codes:
        return None
    found = taken(before, write, holders, keys)
    return found[1].owner if found else None
