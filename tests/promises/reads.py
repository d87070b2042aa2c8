"""Reads: fresh data, or a copy that says how old it is, and nothing deleted (promises 3 and 4)."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.promises.case import Case
from tests.promises.final import Entity
from tests.promises.history import Attempt, Fail, Ok, Shown
from tests.promises.violation import Violation

PROMISE = "A read is fresh, with the client's own queued writes, or a copy that is no older than it says."


@dataclass(frozen=True, slots=True)
class _Answered:
    """What an answer had revealed about one write."""

    at_s: float
    version: int
    #: Whether it had been applied at `at_s`.
    applied: bool
    #: If it is still queued then, a read may treat it as expired.
    expires_s: float


@dataclass
class _Known:
    """What all answers had revealed about one entity."""

    written: list[_Answered] = field(default_factory=list)
    #: Versions of writes that were accepted and then rejected.
    rejected: set[int] = field(default_factory=set)
    #: Versions of writes with a condition.
    conditional: set[int] = field(default_factory=set)
    #: Its deletes; `written` has all other writes.
    deleted: list[_Answered] = field(default_factory=list)
    #: When the first delete was sent.
    delete_sent_s: float = float("inf")
    #: Whether one of its writes was ever a dead letter, which no read includes until it is replayed.
    incomplete: bool = False


def check(case: Case) -> Iterator[Violation]:
    """Compare each read with the writes that were answered before the read was sent."""
    known = _known(case)
    for attempt in case.history.attempts:
        parts = attempt.sent.path.partition("?")[0].strip("/").split("/")
        if attempt.is_write or parts[0] not in case.limits.unique:
            continue
        if isinstance(attempt.end, Ok):
            yield from _in_order(case, attempt, attempt.end, parts[0])
            yield from _shown(case, attempt, attempt.end, parts[0], known)
        elif isinstance(attempt.end, Fail) and attempt.end.status == 404 and len(parts) == 2:
            yield from _missing(case, attempt, Entity(parts[0], parts[1]), known)


def _known(case: Case) -> dict[Entity, _Known]:
    known: dict[Entity, _Known] = {}
    for intent in case.writes.intents:
        entity = intent.entity
        about = known.setdefault(entity, _Known())
        if intent.method == "DELETE":
            about.delete_sent_s = min(about.delete_sent_s, *(attempt.sent.at_s for attempt in intent.attempts))
        for answer in intent.answers:
            about.incomplete |= answer.operation_id in case.letters or case.excused(answer)
            ended = case.writes.ended.get(answer.operation_id)
            if ended and ended.effect == "rejected":
                about.rejected.add(ended.version)
            elif ended and case.took_effect(answer.operation_id):
                expiries = (attempt.sent.expires_s for attempt in intent.attempts)
                expires_s = min((one for one in expiries if one is not None), default=math.inf)
                seen = _Answered(answer.at_s, ended.version, answer.state != "queued", expires_s)
                (about.deleted if intent.method == "DELETE" else about.written).append(seen)
                if intent.attempts[0].sent.if_match:
                    about.conditional.add(ended.version)
    return known


def _before(seen: Sequence[_Answered], at_s: float, queued_until_s: float) -> int:
    """Return the newest version that was answered before `at_s`, either as applied, or as queued with an expiry after
    `queued_until_s`."""
    due = (one for one in seen if one.at_s < at_s and (one.applied or one.expires_s > queued_until_s))
    return max((one.version for one in due), default=0)


def _shown(case: Case, attempt: Attempt, answer: Ok, resource: str, known: dict[Entity, _Known]) -> Iterator[Violation]:
    age_s = answer.age_s
    if age_s is not None and age_s > case.limits.stale_max_s + case.limits.clock_s:
        yield _violation("stale", attempt, f"a copy of {age_s:.0f} s was served")
    if answer.degraded and age_s is None:
        return
    # An answer has to include what was known when it was read, or when the copy that it shows was read.
    as_of_s = attempt.sent.at_s - (0 if age_s is None else age_s + case.limits.clock_s)
    # Queued writes are included only where the queue answered.
    applied_only = age_s is not None or answer.pending is None or _left_behind(case, attempt)
    queued_until_s = math.inf if applied_only else answer.at_s + case.limits.clock_s
    for shown in answer.shown:
        about = known.get(Entity(resource, shown.id))
        if about and not about.incomplete:
            yield from _one(attempt, shown, about, as_of_s, queued_until_s)


def _in_order(case: Case, attempt: Attempt, answer: Ok, resource: str) -> Iterator[Violation]:
    """Check that a page is in the order of creation, as far as its entities are in the database at rest."""
    rows = [case.rows.get(Entity(resource, shown.id)) for shown in answer.shown]
    created = [row.created_version for row in rows if row]
    if created != sorted(created):
        yield _violation("inverted", attempt, "the page is not in the order of creation")


def _one(attempt: Attempt, shown: Shown, about: _Known, as_of_s: float, queued_until_s: float) -> Iterator[Violation]:
    written, deleted = about.written, about.deleted
    if shown.version in about.rejected:
        # The read expected this queued write to succeed. Then the conditions of later writes would not have held.
        conditional = about.conditional
        written, deleted = ([one for one in seen if one.version not in conditional] for seen in (written, deleted))
    if _before(deleted, as_of_s, queued_until_s):
        yield _violation("resurrected", attempt, f"{shown.id} was deleted before, and is shown")
    least = _before(written, as_of_s, queued_until_s)
    if shown.version < least:
        yield _violation("stale", attempt, f"{shown.id} is shown at {shown.version}; {least} was answered before")


def _missing(case: Case, attempt: Attempt, entity: Entity, known: dict[Entity, _Known]) -> Iterator[Violation]:
    about = known.get(entity)
    if not about or not attempt.end or about.incomplete or entity in case.disputed.entities:
        return
    queued_until_s = math.inf if _left_behind(case, attempt) else attempt.end.at_s + case.limits.clock_s
    created = _before(about.written, attempt.sent.at_s, queued_until_s)
    if created and about.delete_sent_s > attempt.end.at_s:
        yield _violation("answer that lies", attempt, f"404 for {entity.id}, which exists")


def _left_behind(case: Case, attempt: Attempt) -> bool:
    """Return whether the attempt went to a process that was left with the queue's old primary, and so knows only
    applied writes."""
    end_s = attempt.end.at_s if attempt.end else float("inf")
    return any(
        fault.what == "split"
        and fault.target.partition(">")[0] == attempt.sent.target
        and fault.at_s <= end_s
        and attempt.sent.at_s <= fault.until_s
        for fault in case.history.faults
    )


def _violation(kind: str, attempt: Attempt, what: str) -> Violation:
    sent = attempt.sent
    return Violation(kind, f"GET {sent.path} of {sent.client}: {what}", sent.path, sent.at_s)
