"""Operation: what became of an operation, from what the stores hold now. The queue is asked first, so that a write that
moves meanwhile is found where it came from or where it went."""

from datetime import datetime
from typing import Any, Literal, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel
from holdfast.shared.connections.redis import text
from holdfast.shared.errors import AppError
from holdfast.shared.letters.find import whole as dead
from holdfast.shared.letters.find.search import Row
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.state import State
from holdfast.shared.queue.names import WRITERS_GROUP
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.queue.pending import PendingOperation, anywhere, pending_operation
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.timestamps import precise
from holdfast.shared.store import reads
from holdfast.shared.writes.outcome import Rejected, Superseded
from holdfast.shared.writes.versions import from_id, to_datetime, to_stream_id


class OperationStatus(ResponseModel):
    """What became of an operation. Its place determines which of the optional fields are set."""

    operation_id: str
    status: Literal["queued", "applied", "superseded", "rejected", "dead_lettered", "discarded", "unknown"]
    says: str
    entry_id: str = ""
    letter_id: str = ""
    accepted_at: Moment | None = None
    ended_at: Moment | None = None
    failed_attempts: Count = 0
    writer: str = ""
    deliveries: Count = 0
    code: str = ""
    reason: str = ""
    entity_version: int = 0


class OperationFinder:
    """Asks both stores. A store that does not answer never makes it raise."""

    def __init__(self, redis: Redis, database: Database, partitions: Partitions) -> None:
        self._redis = redis
        self._partitions = partitions
        self._database = database
        self._reporter = FailureReporter("operation_status")

    async def status(self, operation_id: str) -> OperationStatus:
        """Return what is known of an operation."""
        return OperationStatus(operation_id=operation_id, **await self._find(operation_id))

    async def _at(self, partition: Partition, operation_id: str) -> PendingOperation | None:
        return await pending_operation(self._redis, operation_id, partition)

    async def _find(self, operation_id: str) -> dict[str, Any]:
        queue_answers = True
        try:
            with self._reporter:
                pending = await anywhere(self._partitions, self._at, operation_id)
            if pending:
                return await self._pending(pending)
        except (RedisError, OSError):
            queue_answers = False
        try:
            ended = await self._database.read(reads.ended_operation, operation_id)
            letter = None if ended else await self._database.read(dead.newest_of_operation, operation_id)
            horizon = 0 if ended or letter else await self._database.read(reads.horizon)
        except AppError as error:
            says = f"The database, which may know of it, does not answer ({error.code})."
            return {"status": "unknown", "says": says}
        if ended:
            return _ended(ended)
        if letter:
            return _letter(letter)
        made = from_id(operation_id)
        says = "No store knows of it: it has not taken effect, and nothing is on its way."
        if horizon and (made is None or made < horizon):
            says = f"No store knows of it; what ended before {precise(to_datetime(horizon))} is no longer kept."
        if not queue_answers:
            says = "The queue, which may know of it, does not answer; the database knows nothing of it."
        return {"status": "unknown", "says": says}

    async def _pending(self, pending: PendingOperation) -> dict[str, Any]:
        accepted = to_datetime(pending.version)
        entry_id = to_stream_id(pending.version)
        about = {"entry_id": entry_id, "accepted_at": accepted, "failed_attempts": pending.failed_attempts}
        if pending.dead_letter_reason is not None:
            says = f"Dead-lettered, {pending.dead_letter_reason}{_error(pending)}; not in the table yet."
            return {"status": "dead_lettered", "says": says, **about}
        stream = self._partitions.of(pending.entity_id).writes
        known: Any = await self._redis.xpending_range(stream, WRITERS_GROUP, min=entry_id, max=entry_id, count=1)
        if known:
            writer, times = text(known[0]["consumer"]), known[0]["times_delivered"]
            idle_s = round(known[0]["time_since_delivered"] / 1000, 1)
            says = (
                f"On the stream; delivered {times} times, {idle_s} s ago to {writer}, and not settled{_error(pending)}."
            )
            return {"status": "queued", "says": says, **about, "writer": writer, "deliveries": times}
        entries = cast(list[Any], await self._redis.xrange(stream, entry_id, entry_id))
        says = "On the stream; no writer has read it yet." if entries else "On its way again, as another entry."
        return {"status": "queued", "says": says, **about}


def _error(pending: PendingOperation) -> str:
    made = f", after {pending.failed_attempts} failed attempts" if pending.failed_attempts else ""
    return made + (f" ({pending.last_error})" if pending.last_error else "")


def _ended(ended: reads.EndedOperation) -> dict[str, Any]:
    accepted = to_datetime(ended.version)
    about = {
        "entry_id": to_stream_id(ended.version),
        "accepted_at": accepted,
        "ended_at": ended.ended_at,
    }
    after = f"{_ms_between(accepted, ended.ended_at):.0f} ms after its acceptance"
    match ended.outcome:
        case Rejected(code, _):
            return {"status": "rejected", "says": f"Rejected, {code}, {after}.", **about, "code": code}
        case Superseded(version):
            says = f"Superseded {after}: newer writes had overtaken all that it set."
            return {"status": "superseded", "says": says, **about, "entity_version": version}
        case applied:
            return {"status": "applied", "says": f"Applied {after}.", **about, "entity_version": applied.version}


def _letter(letter: Row) -> dict[str, Any]:
    letter_id = id_of(letter.id)
    about = {
        "letter_id": letter_id,
        "entry_id": letter.entry_id,
        "ended_at": letter.dead_at,
        "failed_attempts": letter.attempts,
    }
    if letter.state is State.DISCARDED:
        return {"status": "discarded", "says": f"Dead letter {letter_id}, discarded by an operator.", **about}
    says = f"Dead-lettered, {letter.reason}, as letter {letter_id} ({letter.state.value}): {letter.error}"
    return {"status": "dead_lettered", "says": says, **about, "reason": letter.reason}


def _ms_between(earlier: datetime, later: datetime) -> float:
    return max(0.0, (later.replace(tzinfo=earlier.tzinfo) - earlier).total_seconds() * 1000)
