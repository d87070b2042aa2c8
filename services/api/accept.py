"""Accept: commands become writes. Requests that arrive together share one round trip, and so one fsync."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)

from shared import logs, metrics
from shared.breaker.breaker import Breaker
from shared.breaker.refused import CallRefused
from shared.errors import AcceptanceUnknown, AppError, QueueFull, QueueUnavailable
from shared.logs import Action
from shared.queue.names import CLOCK, EMAILS, MESSAGING, PREFIX, WRITES
from shared.queue.script import NotSent, Script
from shared.retry import OneMore
from shared.retry_budget import RetryBudget
from shared.tracing import spans
from shared.tracing.spans import Kind
from shared.versions import Clock


@dataclass(frozen=True, slots=True)
class Candidate:
    """A command with everything that acceptance needs; the fields are `accept.lua`'s, in its order."""

    operation_id: str
    user_id: str
    command: str
    payload: bytes
    email_key: str = ""
    key_hash: str = ""
    body_hash: str = ""
    busy_ms: str = ""
    if_match: str = ""
    request_id: str = ""
    traceparent: str = ""
    notify: str = ""
    expire_ms: str = ""
    if_none_match: str = ""

    def arguments(self) -> tuple[str | bytes, ...]:
        """For the script."""
        return (
            self.operation_id, self.user_id, self.command, self.payload, self.email_key, self.key_hash,
            self.body_hash, self.busy_ms, self.if_match, self.request_id, self.traceparent, self.notify,
            self.expire_ms, self.if_none_match,
        )  # fmt: skip


class Answer(NamedTuple):
    """What the queue said: `accepted | repeated | reused | busy | user_backlog | email_taken`, and of which write."""

    result: str
    operation_id: str
    user_id: str
    version: int
    #: Accepted under an Idempotency-Key that the queue may have known before.
    unsure: bool = False


_ACCEPTED = {
    result: metrics.writes_accepted.labels(result)
    for result in ("accepted", "repeated", "reused", "busy", "user_backlog", "email_taken")
}

#: Redis' own answers, all given before a script runs. (The client library calls some of them connection errors.)
_REFUSALS = (ResponseError, BusyLoadingError, AuthenticationError)

_Waiting = tuple[Candidate, "asyncio.Future[Answer]"]


class Acceptor:
    """Collects candidates while a round trip is under way; the next one takes them all."""

    def __init__(
        self,
        redis: Redis,
        clock: Clock,
        breaker: Breaker,
        *,
        batch_max: int,
        key_lifetime_s: int,
        user_pending_max: int,
    ) -> None:
        self._redis = redis
        self._script = Script(redis, "accept")
        self._clock = clock
        self._breaker = breaker
        self._batch_max = batch_max
        self._key_lifetime_s = key_lifetime_s
        self._user_pending_max = user_pending_max
        self._one_more = OneMore("queue", RetryBudget())
        self._waiting: deque[_Waiting] = deque()
        self._flusher: asyncio.Task[None] | None = None
        #: Monotonic time of the last failure; None: the last round trip was fine.
        self.failing_since: float | None = None

    async def accept(self, candidate: Candidate) -> Answer:
        """Raises QueueUnavailable or QueueFull (it did not happen), or AcceptanceUnknown (it may have)."""
        if spans.collector is None:
            return await self._accepted(candidate)
        about = {"messaging.message.id": candidate.operation_id, "holdfast.command": candidate.command}
        with spans.span(f"send {WRITES}", Kind.PRODUCER, MESSAGING | about):
            answer = await self._accepted(replace(candidate, traceparent=spans.traceparent()))
            spans.event("answered", {"holdfast.result": answer.result})
            return answer

    async def _accepted(self, candidate: Candidate) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((candidate, answer))
        if self._flusher is None:
            # In nobody's context: it works for all who wait, not for the request that woke it.
            self._flusher = asyncio.get_running_loop().create_task(self._flush(), context=Context())
        return await answer

    async def forget_busy(self, record: str) -> None:
        """The request that holds this Idempotency-Key is being answered. Forgotten by itself if this fails."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.hdel(record, "busy_until")

    async def _flush(self) -> None:
        try:
            while self._waiting:
                size = min(len(self._waiting), self._batch_max)
                batch = [self._waiting.popleft() for _ in range(size)]
                await self._round_trip([one for one in batch if not one[1].done()])
        finally:
            self._flusher = None

    async def _round_trip(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        began = time.perf_counter()
        try:
            replies, again = await self._evaluate([candidate for candidate, _ in batch])
        except AppError as error:
            self._failed(batch, error)
            return
        except Exception as error:  # noqa: BLE001 - every caller has to hear of it
            self._failed(batch, AcceptanceUnknown(), error)
            return
        self.failing_since = None
        metrics.accept_duration.observe(time.perf_counter() - began)
        metrics.accept_batch_size.observe(len(batch))
        for (candidate, waiting), (result, operation_id, user_id, version, *unsure) in zip(batch, replies, strict=True):
            told = result.decode()
            if told == "repeated" and not candidate.key_hash:
                told = "accepted"  # by our own first try
            if told == "busy" and again:
                told = "repeated"  # the request that holds the key may be this one
            if told == "email_taken" and again:  # our first try may have been applied, and the address changed since
                _refuse(candidate, waiting, AcceptanceUnknown())
                continue
            answer = Answer(told, operation_id.decode(), user_id.decode(), int(version or 0), bool(unsure))
            self._clock.observe(answer.version)
            _ACCEPTED[answer.result].inc()
            if not waiting.done():
                waiting.set_result(answer)

    async def _evaluate(self, candidates: Sequence[Candidate]) -> tuple[list[list[bytes]], bool]:
        """One EVALSHA, and whether it is the second. What fails before it is sent did not happen; what fails after it
        may have."""
        values = [value for candidate in candidates for value in candidate.arguments()]
        arguments: list[str | bytes | int] = [
            PREFIX, self._clock.seen, self._key_lifetime_s, self._user_pending_max, *values
        ]  # fmt: skip
        try:
            return await self._breaker.call_async(self._ask, arguments)
        except CallRefused as refused:
            raise QueueUnavailable(retry_after_s=ceil(refused.retry_after_s)) from refused
        except NotSent as error:
            raise QueueUnavailable() from error.__cause__
        except _REFUSALS as error:
            # Redis refuses a script before it runs: out of memory, read-only, loading, unable to write its log.
            raise (QueueFull() if isinstance(error, OutOfMemoryError) else QueueUnavailable()) from error
        except (RedisError, OSError) as error:
            raise AcceptanceUnknown() from error

    async def _ask(self, arguments: list[str | bytes | int]) -> tuple[Any, bool]:
        """Once more when the connection turns out to be dead, as all are after a restart. The same operations again
        are found, and not taken twice. Whatever becomes of the second try, the first may have been taken."""
        self._one_more.begun()
        try:
            return await self._script([WRITES, CLOCK, EMAILS], arguments), False
        except _REFUSALS:
            raise
        except (ConnectionError, OSError) as first:
            if not self._one_more.may():
                raise
            try:
                return await self._script([WRITES, CLOCK, EMAILS], arguments), True
            except (NotSent, *_REFUSALS):
                raise first from None

    def _failed(self, batch: list[_Waiting], error: AppError, bug: Exception | None = None) -> None:
        self.failing_since = self.failing_since or time.monotonic()
        metrics.writes_accepted.labels("refused" if error.definite else "unknown").inc(len(batch))
        cause = error.__cause__ or bug
        logs.warning(
            Action.ACCEPTANCE_FAILED, writes=len(batch), code=error.code, error=type(cause).__name__, exc_info=bug
        )
        for candidate, waiting in batch:
            _refuse(candidate, waiting, error)


def _refuse(candidate: Candidate, waiting: "asyncio.Future[Answer]", error: AppError) -> None:
    if not waiting.done():
        details = None if error.definite else {"operation_id": candidate.operation_id}
        waiting.set_exception(type(error)(details=details, retry_after_s=error.retry_after_s))
