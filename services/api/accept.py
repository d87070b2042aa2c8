"""Accept: turns commands into writes. Requests that arrive together share one round trip, and so one fsync.

If acceptance waits for replicas, a write is accepted when enough of them have it. Until then it may be lost with the
queue's primary. It counts as a write that the queue may have, and the direct path makes its outcome certain.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import replace
from math import ceil
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ConnectionError, OutOfMemoryError, RedisError, ResponseError

from holdfast.services.api.candidate import Candidate
from holdfast.services.api.floor import Floor
from holdfast.shared.connections.replicas import Replicas, TooFewReplicas
from holdfast.shared.connections.script import NotSent, Script, refused
from holdfast.shared.errors import AcceptanceUnknown, AppError, InvalidRequest, QueueFull, QueueUnavailable
from holdfast.shared.queue.agreement import Agreed
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.queue.names import LUA, MESSAGING, WRITES
from holdfast.shared.queue.partitions import QUEUE, Partition
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.retry import SecondAttempt
from holdfast.shared.resilience.retry_budget import RetryBudget
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.tracing import spans
from holdfast.shared.telemetry.tracing.spans import Kind
from holdfast.shared.writes.versions import Clock


class Answer(NamedTuple):
    """The queue's answer to a write. `result`: `accepted | repeated | reused | busy | backlog | taken`; the ids and the
    version are those of the write that the answer is about, which may be an earlier one."""

    result: str
    operation_id: str
    entity_id: str
    version: int
    #: Accepted, but perhaps not for the first time: the Idempotency-Key may have been used before, or this was our
    #: second attempt. For `reused`: this was so for the write that the key was used for.
    unsure: bool = False
    #: The index of the command's claim that is taken.
    claim: int = 0


_ACCEPTED = {
    result: metrics.writes_accepted.labels(result)
    for result in ("accepted", "repeated", "reused", "busy", "backlog", "taken")
}


def count_answer(result: str) -> None:
    """Count an answer to one write."""
    _ACCEPTED[result].inc()


#: The errors of a single write, and whether its entry is certainly not on the stream.
_OWN_ERRORS = {b"failed": True, b"unknown": False}
#: Redis has no record of the highest version so far; or the queue is used in another number of partitions.
_NO_CLOCK, _CLOSED = b"no_clock", b"closed"

#: Most round trips in flight: one is prepared while another is under way. More would make the disk slower, because
#: fewer writes would share an fsync. With replicas each also takes as long as the network, so more are allowed.
_FLUSHERS, _FLUSHERS_OF_REPLICAS = 2, 4

#: The results that promise the client something.
_PROMISES = ("accepted", "repeated")

_Waiting = tuple[Candidate, "asyncio.Future[Answer]"]


class _Replies(NamedTuple):
    """The script's replies: one per write, or one code for all writes."""

    replies: Any
    #: Whether the script was sent twice.
    again: bool
    #: Why no promise in these replies holds if the queue's primary is lost; None if they hold.
    unsafe: TooFewReplicas | None = None


class Acceptor:
    """Accepts writes for one partition. Collects candidates while round trips are in flight; the next takes them."""

    def __init__(
        self,
        redis: Redis,
        clock: Clock,
        floor: Floor,
        breaker: Breaker,
        *,
        batch_max: int,
        key_lifetime_s: int,
        entity_pending_max: int,
        replicas: Replicas | None = None,
        replicas_breaker: Breaker | None = None,
        partition: Partition = QUEUE,
    ) -> None:
        """Create an acceptor. While `replicas_breaker` is open, no write is sent, as the replicas would not have it."""
        self._redis = redis
        self._partition = partition
        self._floor = floor
        self._script = Agreed(redis, partition.count, Script(redis, LUA / "accept.lua", replicas))
        self._replicas_breaker = replicas_breaker
        self._clock = clock
        self._breaker = breaker
        self._batch_max = batch_max
        self._limits = key_lifetime_s, entity_pending_max
        self._accepting, self._forgetting = FailureReporter("accept"), FailureReporter("forget_busy")
        self._second_attempt = SecondAttempt("queue", RetryBudget())
        self._waiting: deque[_Waiting] = deque()
        self._flushers: set[asyncio.Task[None]] = set()
        self._flushers_max = _FLUSHERS_OF_REPLICAS if replicas else _FLUSHERS
        #: Whether a flusher is about to start and take the waiting candidates.
        self._due = False

    async def accept(self, candidate: Candidate) -> Answer:
        """Accept a candidate. Raises QueueUnavailable or QueueFull if it was not accepted, AcceptanceUnknown if it may
        have been, or InvalidRequest if no writer could read it."""
        try:
            decode(candidate.fields(), command=candidate.command)
        except Undecodable as error:
            raise InvalidRequest(details={"constraint": str(error)}) from error
        if spans.collector is None:
            return await self._accepted(candidate)
        about = {"messaging.message.id": candidate.operation_id, "holdfast.command": candidate.label}
        with spans.span(f"send {WRITES}", Kind.PRODUCER, MESSAGING | about):
            answer = await self._accepted(replace(candidate, traceparent=spans.traceparent()))
            spans.event("answered", {"holdfast.result": answer.result})
            return answer

    async def _accepted(self, candidate: Candidate) -> Answer:
        answer: asyncio.Future[Answer] = (loop := asyncio.get_running_loop()).create_future()
        self._waiting.append((candidate, answer))
        if not self._due and len(self._flushers) < self._flushers_max:
            self._due = True
            # In an empty context, since it serves every waiting request; two loop turns later, so that others can join.
            loop.call_soon(lambda: self._flushers.add(loop.create_task(self._flush())), context=Context())
        try:
            return await answer
        finally:
            del answer  # an error's traceback holds this frame, which must not hold the error

    async def forget_busy(self, candidate: Candidate) -> None:
        """Clear the key's busy mark: its request is being answered. If this call fails, the mark expires on its own."""
        with self._forgetting.suppressing(RedisError, OSError):
            await self._redis.hdel(self._partition.record(candidate.key_hash), "busy_until")

    async def _flush(self) -> None:
        self._due = False
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_max))]
                await self._round_trip([one for one in batch if not one[1].done()])
        finally:  # synchronously, so that the next request sees that no flush is running
            self._flushers -= {asyncio.current_task()}

    async def _round_trip(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        began = time.perf_counter()
        try:
            replies, again, unsafe = await self._evaluate([candidate for candidate, _ in batch])
        except AppError as error:
            self._failed(batch, error)
            return
        except Exception as error:  # noqa: BLE001 - every waiting request gets an error
            self._failed(batch, AcceptanceUnknown(), error)
            return
        if unsafe is None:
            self._accepting.worked()
        else:
            metrics.accepts_unreplicated.inc()
            self._accepting.failed(unsafe)
        metrics.accept_duration.observe(time.perf_counter() - began)
        metrics.accept_batch_size.observe(len(batch))
        if len(replies) > len(batch):
            logs.warning(Action.STREAM_MENDED, entries=int(replies.pop()[1]))
        for (candidate, waiting), reply in zip(batch, replies, strict=True):
            self._answered(candidate, waiting, reply, again=again, safe=unsafe is None)

    def _answered(
        self, candidate: Candidate, waiting: "asyncio.Future[Answer]", reply: list[bytes], *, again: bool, safe: bool
    ) -> None:
        raw, operation_id, entity_id, version, *more = reply
        if raw in _OWN_ERRORS:
            self._failed([(candidate, waiting)], _own_error(raw, more[0]))
            return
        result = raw.decode()
        if result == "repeated" and not candidate.key_hash:
            result = "accepted"  # by our own first attempt
        if result == "busy" and again:
            result = "repeated"  # the request that holds the key may be this one
        if again and result in ("taken", "backlog"):  # our first attempt may have been accepted and applied before
            _refuse(candidate, waiting, AcceptanceUnknown())
            return
        answer = Answer(result, operation_id.decode(), entity_id.decode(), int(version or 0))
        if more or (again and raw == b"accepted"):  # a first attempt that has ended leaves no trace in the queue
            answer = answer._replace(claim=int(more[0])) if result == "taken" else answer._replace(unsure=True)
        self._clock.observe(answer.version)
        if not safe and answer.result in _PROMISES:
            metrics.writes_accepted.labels("unknown").inc()
            _refuse(candidate, waiting, AcceptanceUnknown())
            return
        count_answer(answer.result)
        if not waiting.done():
            waiting.set_result(answer)

    async def _evaluate(self, candidates: Sequence[Candidate]) -> _Replies:
        """Run the script; once more if Redis has no record of the highest version and the database has. A call that
        fails before it is sent has had no effect; one that fails later may have, unless Redis refused to run it."""
        await self._floor.tried()
        replies = await self._run(candidates, floor_is_sure=False)
        if replies.replies == _NO_CLOCK:
            try:
                await self._floor.read()
            except AppError as error:
                raise QueueUnavailable(retry_after_s=error.retry_after_s) from error
            again, replies = replies.again, await self._run(candidates, floor_is_sure=True)
            replies = replies._replace(again=again or replies.again)
        if replies.replies == _CLOSED:
            raise AcceptanceUnknown() if replies.again else QueueUnavailable()
        return replies

    async def _run(self, candidates: Sequence[Candidate], *, floor_is_sure: bool) -> _Replies:
        keys, sure = list(self._partition.accepting), "1" if floor_is_sure else ""
        arguments: list[str | bytes | int] = [self._partition.prefix, self._clock.seen, sure, *self._limits]
        for candidate in candidates:
            keys += candidate.keys(self._partition)
            arguments += candidate.arguments()
        try:
            if self._replicas_breaker is None:
                return await self._breaker.call_async(self._ask, keys, arguments)
            return await self._replicas_breaker.call_async(self._breaker.call_async, self._ask, keys, arguments)
        except TooFewReplicas as error:
            return _Replies(error.reply, again=False, unsafe=error)
        except CallRefused as refusal:
            raise QueueUnavailable(retry_after_s=ceil(refusal.retry_after_s)) from refusal
        except NotSent as error:
            raise QueueUnavailable() from error.__cause__
        except (RedisError, OSError) as error:
            if not refused(error):
                raise AcceptanceUnknown() from error
            raise (QueueFull() if isinstance(error, OutOfMemoryError) else QueueUnavailable()) from error

    async def _ask(self, keys: list[str], arguments: list[str | bytes | int]) -> _Replies:
        """Send the script; once more if the connection was dead, as all are after a restart of Redis. Operations that
        arrive twice are recognised. Whatever the result of the second attempt, the first may have been accepted."""
        self._second_attempt.started()
        try:
            return _Replies(await self._script(keys, arguments), again=False)
        except (ConnectionError, OSError) as first:  # redis-py raises ConnectionError for some refusals, too
            if refused(first) or not self._second_attempt.allowed():
                raise
            try:
                return _Replies(await self._script(keys, arguments), again=True)
            except (NotSent, RedisError) as second:
                if isinstance(second, NotSent | TooFewReplicas) or refused(second):
                    raise first from None
                raise

    def _failed(self, batch: list[_Waiting], error: AppError, bug: Exception | None = None) -> None:
        metrics.writes_accepted.labels("refused" if error.definite else "unknown").inc(len(batch))
        if bug is None:
            self._accepting.failed(error)
        else:
            logs.error(Action.ACCEPTANCE_FAILED, exc=bug, writes=len(batch), code=error.code)
        for candidate, waiting in batch:
            _refuse(candidate, waiting, error)


def _refuse(candidate: Candidate, waiting: "asyncio.Future[Answer]", error: AppError) -> None:
    if not waiting.done():
        details = None if error.definite else {"operation_id": candidate.operation_id}
        waiting.set_exception(type(error)(details=details, retry_after_s=error.retry_after_s))


def _own_error(result: bytes, error: bytes) -> AppError:
    failed: AppError = QueueUnavailable() if _OWN_ERRORS[result] else AcceptanceUnknown()
    failed.__cause__ = ResponseError(error.decode("utf-8", "backslashreplace"))
    return failed
