"""Direct: the way of a write while the queue is away. The same store function as the writer's, so exactly once with
whatever is still queued: a write that also reached the queue is found there to be a duplicate."""

from collections.abc import Callable, Iterable

from services.api.accept import Answer, Candidate
from services.api.database import Database
from services.api.rejections import error_of
from shared import deadline
from shared.commands import COMMANDS, Write
from shared.errors import (
    AcceptanceUnknown,
    AppError,
    CircuitOpen,
    EmailTaken,
    KeyReused,
    OrderUnknown,
    WritesUnavailable,
)
from shared.faults import CommitUnknown, Contention, Fault
from shared.merge import User
from shared.outcome import Applied, Dead, Duplicate, Final, Rejected, Retry, Superseded
from shared.retry import Retrier
from shared.retry_budget import RetryBudget
from shared.retry_rules import Again, Attempts, Hope
from shared.store.apply import apply_directly
from shared.versions import Clock


class DirectPath:
    """Applies a candidate that the queue did not take."""

    def __init__(self, database: Database, clock: Clock, changed: Callable[[Iterable[User]], None]) -> None:
        """`changed` is told of users, in a thread, as by `apply_directly`."""
        self._database = database
        self._changed = changed
        self._clock = clock
        self._retrier = Retrier("database", RetryBudget(), Attempts(most=4, base_s=0.02, cap_s=0.2))

    async def apply(self, candidate: Candidate, refused: AppError) -> Answer:
        """`refused`: how the queue failed. Raises WritesUnavailable or OrderUnknown (it did not happen),
        AcceptanceUnknown (it may have), EmailTaken, KeyReused, or what the same request was rejected with before."""
        write = self._write(candidate)
        # If the queue may have it after all, no refusal here is the last word.
        unknown = None if refused.definite else AcceptanceUnknown(details={"operation_id": write.operation_id})
        if candidate.if_match or candidate.if_none_match:  # the row may miss a queued write that the caller has seen
            raise unknown or OrderUnknown(details={"operation_id": write.operation_id})
        try:
            outcome = await self._retrier.run(
                lambda _: self._database.run(apply_directly, write, candidate.key_hash, self._changed),
                _hope, deadline.remaining_s,
            )  # fmt: skip
        except CommitUnknown as fault:
            raise AcceptanceUnknown(details={"operation_id": write.operation_id}) from fault
        except CircuitOpen as refusal:
            raise (unknown or WritesUnavailable(retry_after_s=refusal.retry_after_s)) from refusal
        except Fault as fault:
            raise (unknown or WritesUnavailable()) from fault
        match outcome:
            case Applied(version) | Superseded(version):
                return Answer("accepted", write.operation_id, write.user_id, version)
            case Duplicate(_, first):
                return self._repeated(candidate, first)
            case Rejected("EMAIL_TAKEN") if unknown is None and not candidate.key_hash:
                # With a key an earlier try may be on the stream, and may get the address: then nothing is final yet.
                raise EmailTaken(details={"field": "email", "constraint": "must be unique"})
            case Rejected(KeyReused.code):  # by an operation that is over: no other try changes that
                raise error_of(outcome, write.operation_id)
            case Rejected() | Retry() | Dead():
                raise unknown or OrderUnknown(details={"operation_id": write.operation_id})

    @staticmethod
    def _repeated(candidate: Candidate, first: Final) -> Answer:
        """The same operation is the same request. Raises what it was rejected with."""
        if isinstance(first, Rejected):
            raise error_of(first, candidate.operation_id)
        return Answer("repeated", candidate.operation_id, candidate.user_id, first.version)

    def _write(self, candidate: Candidate) -> Write:
        version = self._clock.next()
        return Write(
            operation_id=candidate.operation_id,
            user_id=candidate.user_id,
            command=COMMANDS[candidate.command].model_validate_json(candidate.payload),
            version=version,
            body_hash=candidate.body_hash,
            request_id=candidate.request_id,
            traceparent=candidate.traceparent,
            expires_at=version + int(candidate.expire_ms) * 1000 if candidate.expire_ms else None,
        )


def _hope(error: Exception) -> Hope:
    """Only a lock or a deadlock is over in a moment."""
    return Again() if isinstance(error, Contention) else None
