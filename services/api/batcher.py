"""Batcher: looks up in one call all keys that are requested within two turns of the event loop.

No caller gets a value that was read before it asked: a caller that arrives while a call is under way waits for the next
call. That starts when the current one has ended, or has taken so long that waiting for it would make callers late. Each
caller has its own time limit, and one that leaves early does not affect the others.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextvars import Context
from typing import Generic, NamedTuple, TypeVar

from holdfast.services.api.hedge import Hedge
from holdfast.shared.errors import DatabaseSlow
from holdfast.shared.resilience.time_limits import Limited, TimeLimits
from holdfast.shared.runtime.time_budgets import BATCH_LATE_S
from holdfast.shared.telemetry import decisions
from holdfast.shared.telemetry.decisions import Notes

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class OutOfPatience(TimeoutError):
    """The time limit of one waiter passed before the call ended."""


#: Most distinct keys of one call, and most calls in flight.
_MOST, _AT_ONCE = 64, 8


class _Answer(NamedTuple, Generic[V]):
    """The value or error of a key, and the decisions noted during the call on behalf of all waiters that share it."""

    value: V | Exception
    notes: Notes | None = None


class Waiter(Limited, Generic[V]):
    """A caller that waits. `answer` resolves to None when the wait becomes long, and a new future takes its place."""

    __slots__ = ("_patient_until", "answer")

    def __init__(self, limits: TimeLimits) -> None:
        super().__init__(limits)
        self.answer: asyncio.Future[_Answer[V] | None] = asyncio.get_running_loop().create_future()
        #: The end of the whole wait, until the wait becomes long; None if it never counts as long, or does already.
        self._patient_until: float | None = None

    def wait(self, patience_s: float, long_s: float | None) -> None:
        """Limit the wait to `patience_s` seconds. After `long_s` seconds, if that is given, the wait counts as long."""
        now = time.monotonic()
        ends = now + patience_s
        if long_s is not None:
            self._patient_until, ends = ends, min(ends, now + long_s)
        self.until(ends, now)

    def give(self, answer: _Answer[V]) -> None:
        """Resolve the answer, unless it is resolved already or the caller no longer waits."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def overdue(self) -> None:
        """Report that the wait has become long, or end it if its last limit has passed."""
        ends, self._patient_until = self._patient_until, None
        if ends is None:
            self.give(_Answer(OutOfPatience()))
        elif not self.answer.done():
            waiting, self.answer = self.answer, asyncio.get_running_loop().create_future()
            waiting.set_result(None)
            self.until(ends, time.monotonic())


_Waiting = dict[K, list[Waiter[V]]]


def cut(waiting: _Waiting[K, V], most: int) -> _Waiting[K, V]:
    """Take the first `most` keys that a caller still waits for out of `waiting`, each with all its waiters."""
    batch: _Waiting[K, V] = {}
    while waiting and len(batch) < most:
        key = next(iter(waiting))
        if left := [waiter for waiter in waiting.pop(key) if not waiter.answer.done()]:
            batch[key] = left
    return batch


def hand_out(batch: _Waiting[K, V], answers: Mapping[K, V | Exception] | Exception, notes: Notes | None = None) -> None:
    """Give each waiter the answer for its key, or the error that the whole call failed with."""
    for key, waiters in batch.items():
        answer = _Answer(answers if isinstance(answers, Exception) else answers[key], notes)
        for waiter in waiters:
            waiter.give(answer)


class Batcher(Generic[K, V]):
    """Looks up keys in batches: `await batcher.get(key)`.

    `look` returns for every key its value, or the error that concerns this key alone.
    """

    def __init__(
        self,
        look: Callable[[Sequence[K]], Awaitable[Mapping[K, V | Exception]]],
        *,
        most: int = _MOST,
        at_once: int = _AT_ONCE,
        late_s: float = BATCH_LATE_S,
    ) -> None:
        self._look = look
        self._most = most
        self._at_once = at_once
        self._late_s = late_s
        self._waiting: _Waiting[K, V] = {}
        self._due = False
        #: The calls in flight, and the one of them that the next call waits for.
        self._calls: set[asyncio.Task[None]] = set()
        self._awaited: asyncio.Task[None] | None = None
        self._limits = TimeLimits()

    async def get(self, key: K, patience_s: float | None = None, hedge: Hedge | None = None) -> V:
        """Return what `look` returns for the key. Raises what `look` raises; OutOfPatience after `patience_s` seconds;
        or DatabaseSlow with the copy of the `hedge`, if the wait becomes long and there is a copy."""
        waiter: Waiter[V] = Waiter(self._limits)
        self._waiting.setdefault(key, []).append(waiter)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._wait_a_turn)  # after all requests that this turn serves
        if patience_s is not None:
            waiter.wait(patience_s, hedge.after_s if hedge else None)
        try:
            answer = await waiter.answer or await self._late(waiter, hedge)
        finally:
            waiter.over()
        if answer.notes is not None:
            decisions.adopt(answer.notes)
        try:
            if isinstance(answer.value, Exception):
                raise answer.value
            return answer.value
        finally:
            del answer, waiter  # an error's traceback holds this frame, which must not hold the error

    async def _late(self, waiter: Waiter[V], hedge: Hedge | None) -> _Answer[V]:
        copy = await hedge.young_copy() if hedge else None
        if copy is not None and not waiter.answer.done():
            raise DatabaseSlow.answered_by(copy)
        answer = await waiter.answer
        assert answer is not None  # noqa: S101 - a wait becomes long only once
        return answer

    async def alone(self, key: K) -> V:
        """Return what a separate call of `look` returns for the key, made in the caller's context. Raises the same."""
        value = (await self._look([key]))[key]
        try:
            if isinstance(value, Exception):
                raise value
            return value
        finally:
            del value  # as in `get`

    def _wait_a_turn(self) -> None:
        """Start one turn of the loop later, so that requests which arrive meanwhile join the call. A busy loop serves
        many requests in a turn, and for an idle one a turn takes no time."""
        asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._due = False
        while self._waiting and self._awaited is None and len(self._calls) < self._at_once:
            if batch := cut(self._waiting, self._most):
                loop = asyncio.get_running_loop()
                # In an empty context: the call serves all waiters, and the first of them may have an earlier deadline.
                call = self._awaited = loop.create_task(self._call(batch), context=Context())
                self._calls.add(call)
                late = loop.call_later(self._late_s, self._over, call)
                call.add_done_callback(lambda ended, late=late: self._ended(ended, late))  # type: ignore[misc]

    def _over(self, call: "asyncio.Task[None]") -> None:
        """Let the next call start: it need not wait for this one any longer."""
        if self._awaited is call:
            self._awaited = None
        self._begin()

    def _ended(self, call: "asyncio.Task[None]", late: asyncio.TimerHandle) -> None:
        late.cancel()
        self._calls.discard(call)
        self._over(call)

    async def _call(self, batch: _Waiting[K, V]) -> None:
        notes = Notes("", kept=True)
        decisions.begin(notes)
        try:
            answers = await self._look(list(batch))
            hand_out(batch, answers, notes if notes.taken else None)
        except Exception as error:  # noqa: BLE001 - it is raised for every waiter
            hand_out(batch, error, notes if notes.taken else None)
        except BaseException:
            for waiters in batch.values():
                for waiter in waiters:
                    waiter.answer.cancel()
            raise
        finally:
            batch.clear()  # as in `get`
