"""Direct: the way of a write while the queue is away. The same store function as the writer's, so exactly once with
whatever is still queued: a write that also reached the queue is found there to be a duplicate."""

from services.api.accept import Answer, Candidate
from services.api.database import Database
from shared.commands import COMMANDS, Write
from shared.errors import AcceptanceUnknown, AppError, EmailTaken, KeyReused, OrderUnknown, WritesUnavailable
from shared.faults import CommitUnknown, Outage
from shared.outcome import Applied, Dead, Duplicate, Rejected, Retry, Superseded
from shared.store import reads
from shared.store.apply import apply_directly
from shared.versions import Clock


class DirectPath:
    """Applies a candidate that the queue did not take."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def apply(self, candidate: Candidate, refused: AppError) -> Answer:
        """`refused`: how the queue failed. Raises WritesUnavailable or OrderUnknown (it did not happen),
        AcceptanceUnknown (it may have), EmailTaken or KeyReused."""
        write = self._write(candidate)
        try:
            outcome = await self._database.run(apply_directly, write)
        except CommitUnknown as unknown:
            raise AcceptanceUnknown(details={"operation_id": write.operation_id}) from unknown
        except Outage as outage:
            if not refused.definite:
                raise AcceptanceUnknown(details={"operation_id": write.operation_id}) from outage
            raise WritesUnavailable() from outage
        match outcome:
            case Applied(version) | Superseded(version):
                return Answer("accepted", write.operation_id, write.user_id, version)
            case Duplicate(_, first):
                known = await self._database.call(reads.body_hash, write.operation_id)
                if candidate.body_hash and known != candidate.body_hash:
                    raise KeyReused(details={"operation_id": write.operation_id})
                version = 0 if isinstance(first, Rejected) else first.version
                return Answer("repeated", write.operation_id, write.user_id, version)
            case Rejected("EMAIL_TAKEN"):
                raise EmailTaken(details={"field": "email", "constraint": "must be unique"})
            case Rejected() | Retry() | Dead():
                raise OrderUnknown(details={"operation_id": write.operation_id})

    def _write(self, candidate: Candidate) -> Write:
        return Write(
            operation_id=candidate.operation_id,
            user_id=candidate.user_id,
            command=COMMANDS[candidate.command].model_validate_json(candidate.payload),
            version=self._clock.next(),
            if_match=int(candidate.if_match) if candidate.if_match else None,
            body_hash=candidate.body_hash,
            request_id=candidate.request_id,
            traceparent=candidate.traceparent,
        )
