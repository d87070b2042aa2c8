"""Decide: what a batch of writes does, worked out in memory from what the store knows.

Pure. The store loads `Known`, calls `decide`, and writes down what `Decision` says in the same transaction.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from holdfast.shared.errors import EmailTaken, KeyReused, WriteExpired
from holdfast.shared.writes import keyed
from holdfast.shared.writes.commands import Heartbeat, Write, changes, email_key
from holdfast.shared.writes.merge import EmailClaim, User, merge
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Failure, Final, Outcome, Reason, Rejected, Retry


class Delivery(NamedTuple):
    """A write as it reached us: by a stream entry, or directly from the api (`entry_id` None)."""

    write: Write
    entry_id: str | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation that is over: how, and which delivery ended it."""

    outcome: Final
    entry_id: str | None
    version: int = 0


@dataclass(slots=True)
class Known:
    """What the store holds about the operations, users and e-mail addresses that a batch mentions."""

    ended: dict[str, Ended] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    #: E-mail key -> the id of the user who has it.
    owners: dict[str, str] = field(default_factory=dict)
    #: E-mail key -> who let go of it, and at which version last.
    released: dict[str, dict[str, int]] = field(default_factory=dict)
    #: Of anything older the store may have forgotten that it was applied.
    horizon: int = 0


@dataclass(slots=True)
class Decision:
    """What to write down. `outcomes` is in the order of the batch."""

    outcomes: list[Outcome]
    users: dict[str, User]
    ended: list[tuple[Delivery, Final]]
    #: (e-mail key, user id) -> the version at which the user let go of it.
    released: dict[tuple[str, str], int]


_TOO_OLD = Dead(
    Reason.TOO_OLD, Failure("TooOld", "TOO_OLD", "older than what is kept: whether it was applied is no longer known")
)

#: Whether a write should still wait when it might be ahead of an earlier one.
Patience = Callable[[Write], bool]


def mentioned(batch: Iterable[Delivery]) -> tuple[set[str], set[str], set[str]]:
    """(operation ids, user ids, e-mail keys) that deciding on `batch` needs to know of."""
    operations, users, keys = set(), set(), set()
    for delivery in batch:
        write = delivery.write
        operations.add(write.operation_id)
        if write.after:
            operations.add(write.after)
        users.add(write.user_id)
        _, email = changes(write.command)
        if email is not None:
            keys.add(email_key(email))
    return operations, users, keys


def decide(batch: list[Delivery], known: Known, patient: Patience, now: int) -> Decision:
    """Merge every write of `batch`, oldest first, each seeing what the ones before it did. `now`: as a version."""
    decision = Decision(outcomes=[Retry()] * len(batch), users={}, ended=[], released={})
    state = _State(known)
    for index in sorted(range(len(batch)), key=lambda i: batch[i].write.version):
        delivery = batch[index]
        decision.outcomes[index] = _one(delivery, state, decision, patient, now)
    decision.users = state.changed
    return decision


class _State:
    """`Known`, as the batch changes it."""

    def __init__(self, known: Known) -> None:
        self.ended = dict(known.ended)
        self.keyed: dict[str, tuple[int, str]] = {}
        for operation_id, ended in known.ended.items():
            self.remember(operation_id, ended.version)
        self.users = dict(known.users)
        self.owners = dict(known.owners)
        self.released = {key: dict(users) for key, users in known.released.items()}
        self.changed: dict[str, User] = {}
        self.horizon = known.horizon

    def remember(self, operation_id: str, version: int) -> None:
        """The oldest operation of each Idempotency-Key is what the key was used for."""
        if part := keyed.key_part(operation_id):
            self.keyed[part] = min(self.keyed.get(part, (version, operation_id)), (version, operation_id))

    def reused(self, write: Write) -> Rejected | None:
        """The write's Idempotency-Key belongs to an older write that asked for something else."""
        version, first = self.keyed.get(keyed.key_part(write.operation_id) or "", (write.version, ""))
        return Rejected(KeyReused.code, {"first_operation_id": first}) if version < write.version else None

    def claim(self, write: Write) -> EmailClaim:
        _, email = changes(write.command)
        if email is None:
            return EmailClaim()
        key = email_key(email)
        owner = self.owners.get(key)
        by_others = [version for user, version in self.released.get(key, {}).items() if user != write.user_id]
        released = max(by_others, default=0)
        if owner in (None, write.user_id):
            return EmailClaim(released=released)
        since = self.users[owner].email_version if owner in self.users else 0
        return EmailClaim(owner, since, released)

    def put(self, before: User | None, after: User, version: int) -> str | None:
        """Keep the changed user; returns the e-mail key that it let go of at `version`, if it did."""
        self.users[after.id] = self.changed[after.id] = after
        let_go = before.email_key if before and before.email_key != after.email_key else None
        if let_go:
            self.owners.pop(let_go, None)
            mine = self.released.setdefault(let_go, {})
            mine[after.id] = max(mine.get(after.id, 0), version)
        if after.email_key:
            self.owners[after.email_key] = after.id
        return let_go


def _one(delivery: Delivery, state: _State, decision: Decision, patient: Patience, now: int) -> Outcome:
    write = delivery.write
    if first := state.ended.get(write.operation_id):
        return Duplicate(redelivered=first.entry_id == delivery.entry_id, first=first.outcome)
    if write.version < state.horizon:
        return _TOO_OLD
    if reused := state.reused(write):
        return _end(delivery, reused, state, decision)
    if write.expires_at is not None and write.expires_at <= now:
        expired = Rejected(WriteExpired.code, {"expires_at": write.expires_at})
        return _end(delivery, expired, state, decision)
    if isinstance(write.command, Heartbeat):
        return _end(delivery, Applied(write.version), state, decision)
    overtaking = write.after is not None and write.after not in state.ended
    if overtaking and patient(write):
        return Retry(waits_for=(write.user_id,))

    before = state.users.get(write.user_id)
    claim = state.claim(write)
    after, outcome = merge(before, write, claim, overtaking=overtaking)
    if _may_still_change(outcome, claim) and patient(write):
        return Retry(waits_for=(claim.owner_id or "",))

    if after is not None and after != before:
        let_go = state.put(before, after, write.version)
        if let_go:
            decision.released[let_go, write.user_id] = write.version
    return _end(delivery, outcome, state, decision)


def _end(delivery: Delivery, outcome: Final, state: _State, decision: Decision) -> Final:
    write = delivery.write
    state.ended[write.operation_id] = Ended(outcome, delivery.entry_id, write.version)
    state.remember(write.operation_id, write.version)
    decision.ended.append((delivery, outcome))
    return outcome


def _may_still_change(outcome: Final, claim: EmailClaim) -> bool:
    """A refusal because of an owner who may have let go of the address in a write still on its way."""
    return isinstance(outcome, Rejected) and outcome.code == EmailTaken.code and claim.owner_id is not None
