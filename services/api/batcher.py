"""Batcher: what is asked for in two turns of the event loop is looked up in one call.

Nobody is given what was looked up before they asked: who comes while a call is under way waits for the next one, which
begins when that is over, or when that has taken so long that waiting for it would make others late. Each waiter keeps
a time limit of its own, and takes nobody along who leaves.
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
    """One waiter's time was over before the call's."""


#: Distinct keys of one call, and calls under way.
_MOST, _AT_ONCE = 64, 8


class _Answer(NamedTuple, Generic[V]):
    """What became of a key, and what was decided meanwhile on behalf of all who share the call."""

    value: V | Exception
    notes: Notes | None = None


class Waiter(Limited, Generic[V]):
    """One who waits. `answer` resolves to None when that takes long; then there is another one."""

    __slots__ = ("_patient_until", "answer")

    def __init__(self, limits: TimeLimits) -> None:
        super().__init__(limits)
        self.answer: asyncio.Future[_Answer[V] | None] = asyncio.get_running_loop().create_future()
        #: The end of the waiting, while there is a moment before it at which it takes long.
        self._patient_until: float | None = None

    def wait(self, patience_s: float, long_s: float | None) -> None:
        """At most so long; and after `long_s` it takes long."""
        now = time.monotonic()
        ends = now + patience_s
        if long_s is not None:
            self._patient_until, ends = ends, min(ends, now + long_s)
        self.until(ends, now)

    def give(self, answer: _Answer[V]) -> None:
        """Resolve it, unless that has happened, or nobody waits any more."""
        if not self.answer.done():
            self.answer.set_result(answer)

    def overdue(self) -> None:
        """The first of two limits has passed, or the last."""
        ends, self._patient_until = self._patient_until, None
        if ends is None:
            self.give(_Answer(OutOfPatience()))
        elif not self.answer.done():
            waiting, self.answer = self.answer, asyncio.get_running_loop().create_future()
            waiting.set_result(None)
            self.until(ends, time.monotonic())


_Waiting = dict[K, list[Waiter[V]]]


def cut(waiting: _Waiting[K, V], most: int) -> _Waiting[K, V]:
    """Take the first `most` keys that somebody still waits for out of `waiting`, each with all who wait for it."""
    batch: _Waiting[K, V] = {}
    while waiting and len(batch) < most:
        key = next(iter(waiting))
        if left := [waiter for waiter in waiting.pop(key) if not waiter.answer.done()]:
            batch[key] = left
    return batch


def hand_out(batch: _Waiting[K, V], answers: Mapping[K, V | Exception] | Exception, notes: Notes | None = None) -> None:
    """Give each waiter what was found for its key, or what the whole call failed with."""
    for key, waiters in batch.items():
        answer = _Answer(answers if isinstance(answers, Exception) else answers[key], notes)
        for waiter in waiters:
            waiter.give(answer)


class Batcher(Generic[K, V]):
    """`await batcher.get(key)`. `look` gives a value for every key, or the error that concerns this key alone."""

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
        #: The calls under way, and the one of them that the next one waits for.
        self._calls: set[asyncio.Task[None]] = set()
        self._awaited: asyncio.Task[None] | None = None
        self._limits = TimeLimits()

    async def get(self, key: K, patience_s: float | None = None, hedge: Hedge | None = None) -> V:
        """What `look` gives for the key. Raises what it raises, or OutOfPatience after `patience_s`; or DatabaseSlow
        with the copy of the `hedge`, when it takes long and there is one."""
        waiter: Waiter[V] = Waiter(self._limits)
        self._waiting.setdefault(key, []).append(waiter)
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._wait_a_turn)  # after all who are served in this turn
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
            del answer, waiter  # its traceback holds this frame, which must not hold the error

    async def _late(self, waiter: Waiter[V], hedge: Hedge | None) -> _Answer[V]:
        copy = await hedge.young_copy() if hedge else None
        if copy is not None and not waiter.answer.done():
            raise DatabaseSlow.answered_by(copy)
        answer = await waiter.answer
        assert answer is not None  # noqa: S101 - it takes long only once
        return answer

    async def alone(self, key: K) -> V:
        """The same in a call of its own, within the caller's context."""
        value = (await self._look([key]))[key]
        try:
            if isinstance(value, Exception):
                raise value
            return value
        finally:
            del value  # as above

    def _wait_a_turn(self) -> None:
        """What has arrived meanwhile comes along. A busy loop has many requests in a turn, and one without any takes
        no time for it."""
        asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._due = False
        while self._waiting and self._awaited is None and len(self._calls) < self._at_once:
            if batch := cut(self._waiting, self._most):
                loop = asyncio.get_running_loop()
                # In an empty context: it works for all who wait, and the first of them may have less time.
                call = self._awaited = loop.create_task(self._call(batch), context=Context())
                self._calls.add(call)
                late = loop.call_later(self._late_s, self._over, call)
                call.add_done_callback(lambda ended, late=late: self._ended(ended, late))  # type: ignore[misc]

    def _over(self, call: "asyncio.Task[None]") -> None:
        """The next one need not wait for this one any longer."""
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
        except Exception as error:  # noqa: BLE001 - it is raised for everybody who waits
            hand_out(batch, error, notes if notes.taken else None)
        except BaseException:
            for waiters in batch.values():
                for waiter in waiters:
                    waiter.answer.cancel()
            raise
        finally:
            batch.clear()  # as in `get`
