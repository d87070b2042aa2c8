"""Direct: applies a write to the database while the queue is away. It uses the same store function as the writer, so
each write takes effect exactly once: if it also reached the queue, the writer recognises its entry as a duplicate."""

from collections.abc import Callable, Iterable
from functools import partial

from holdfast.services.api.accept import Answer
from holdfast.services.api.candidate import Candidate
from holdfast.services.api.database import Database
from holdfast.services.api.floor import Floor
from holdfast.services.api.rejections import error_of
from holdfast.shared.domain.errors import ValueTaken, field_taken
from holdfast.shared.errors import (
    AcceptanceUnknown,
    AppError,
    CircuitOpen,
    DatabaseUnavailable,
    DeadlineExceeded,
    KeyReused,
    OrderUnknown,
    WriteExpired,
    WritesUnavailable,
)
from holdfast.shared.faults import CommitUnknown, Contention, Fault
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.retry import Retrier
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.resilience.retry_rules import RetryAllowed, RetryDecision, RetryLimits
from holdfast.shared.store.apply import apply_directly
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Final, Outcome, Rejected, Retry, Superseded
from holdfast.shared.writes.versions import Clock

#: Attempts to find a version above the entity's. If the entity is ahead of this process's clock, a failed attempt shows
#: by how much, but another write may change the entity before the next attempt.
_VERSIONS_TRIED = 3


class DirectPath:
    """Applies a candidate that the queue did not accept."""

    def __init__(
        self, database: Database, clock: Clock, floor: Floor, changed: Callable[[Iterable[Entity]], None]
    ) -> None:
        """Create the path. `changed` is called in a thread with the entities that changed: see `apply_directly`."""
        self._database = database
        self._changed = changed
        self._clock = clock
        self._floor = floor
        self._retrier = Retrier("database", RetryBudget(), RetryLimits(most=4, base_s=0.02, cap_s=0.2))

    async def apply(self, candidate: Candidate, refused: AppError) -> tuple[Answer, Final]:
        """Apply a candidate. Return the answer, and how the write ended, now or in an earlier attempt. `refused`: how
        the queue failed. Raises WritesUnavailable, OrderUnknown or WriteExpired if the write had no effect,
        AcceptanceUnknown if it may have had one, ValueTaken, KeyReused, or the error of an earlier rejection."""
        details, resource = {"operation_id": candidate.operation_id}, candidate.command.resource
        # If the queue may have the write after all, no refusal here is final.
        unknown = None if refused.definite else AcceptanceUnknown(details=details)
        if candidate.if_match or candidate.if_none_match:  # the row may lack a queued write that the client has seen
            raise unknown or OrderUnknown(details=details)
        try:
            outcome = await self._outcome(candidate)
        except CommitUnknown as fault:
            raise AcceptanceUnknown(details=details) from fault
        except CircuitOpen as refusal:
            raise (unknown or WritesUnavailable(retry_after_s=refusal.retry_after_s)) from refusal
        except (Fault, DatabaseUnavailable, DeadlineExceeded, OverflowError) as fault:
            raise (unknown or WritesUnavailable()) from fault
        match outcome:
            case Applied(version):
                return Answer("accepted", candidate.operation_id, candidate.entity_id, version), outcome
            case Duplicate(_, first):
                return self._repeated(candidate, first), first
            case Rejected(code) if (
                unknown is None and not candidate.key_hash and (field := field_taken(resource, code))
            ):
                # With a key, an earlier attempt may be on the stream and may still get the value: nothing is final yet.
                raise ValueTaken(field, candidate.command.values.get(field.name))
            # Final: a key stays used once its operation has ended, and an earlier attempt expired no later than this.
            case Rejected(KeyReused.code | WriteExpired.code as code) if unknown is None or code == KeyReused.code:
                raise error_of(outcome, candidate.operation_id, resource, candidate.command.values)
            case Superseded() | Rejected() | Retry() | Dead():
                raise unknown or OrderUnknown(details=details)

    async def _outcome(self, candidate: Candidate) -> Outcome:
        await self._floor.known()
        outcome: Outcome = Retry()
        for _ in range(_VERSIONS_TRIED):
            apply = partial(self._in_database, self._write(candidate), candidate.key_hash)
            outcome = await self._retrier.run(apply, _retry_decision, deadline.remaining_s)
            if not isinstance(outcome, Superseded):
                break
            self._clock.observe(outcome.version)  # the entity is ahead of this clock, although this write is later
        return outcome

    async def _in_database(self, write: Write, key_hash: str, _: int) -> Outcome:
        return await self._database.run(apply_directly, write, key_hash, self._changed)

    @staticmethod
    def _repeated(candidate: Candidate, first: Final) -> Answer:
        """Return the answer to a repeated request: one with the same operation. Raises the error of its rejection."""
        if isinstance(first, Rejected):
            raise error_of(first, candidate.operation_id, candidate.command.resource, candidate.command.values)
        return Answer("repeated", candidate.operation_id, candidate.entity_id, first.version)

    def _write(self, candidate: Candidate) -> Write:
        version = self._clock.next()
        return Write(
            operation_id=candidate.operation_id,
            entity_id=candidate.entity_id,
            command=candidate.command,
            version=version,
            body_hash=candidate.body_hash,
            request_id=candidate.request_id,
            traceparent=candidate.traceparent,
            expires_at=int(candidate.expires_at) if candidate.expires_at else None,
        )


def _retry_decision(error: Exception) -> RetryDecision:
    """Allow a retry after a lock or a deadlock only: nothing else is over in a moment."""
    return RetryAllowed() if isinstance(error, Contention) else None
