"""Database: the store's blocking calls in a bounded pool of their own, so that a hung database takes no other work
with it."""

import asyncio
import uuid
from collections.abc import Callable
from functools import partial
from math import ceil
from typing import Concatenate, ParamSpec, TypeVar

from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import CircuitOpen, DatabaseUnavailable, DeadlineExceeded
from holdfast.shared.faults import Fault
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.prober import Probe, Prober
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.pool import Pool
from holdfast.shared.runtime.time_budgets import ANSWER_RESERVE_S
from holdfast.shared.store import reads
from holdfast.shared.store.classify import answered
from holdfast.shared.store.control import control_write
from holdfast.shared.store.engine import Engine

#: Word for word what clients of the API look for.
_AWAY = "Database service temporarily unavailable"


_NO_ID = str(uuid.UUID(int=0))

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """`await database.call(reads.entity, resource, id)`."""

    def __init__(self, engine: Engine, threads: int, reads: Breaker, writes: Breaker, read_timeout_s: float) -> None:
        self._engine = engine
        self._pool = Pool("database", threads)
        self._reads = reads
        self._writes = writes
        self._read_timeout_s = read_timeout_s

    async def call(self, read: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A read, given up in time: its thread is free when the driver's own limits have passed.

        Raises CircuitOpen at once while the database is known to be away, DatabaseUnavailable, or DeadlineExceeded
        when there is no time to ask.
        """
        if self._time_s() <= 0:
            raise DeadlineExceeded()
        try:
            return await self._reads.call_async(self._in_time, lambda: read(self._engine, *args, **kwargs))
        except CallRefused as refused:
            raise CircuitOpen(_AWAY, retry_after_s=ceil(refused.retry_after_s)) from refused
        except (Fault, TimeoutError) as fault:
            raise DatabaseUnavailable() from fault

    def prober(self) -> Prober:
        """Of both breakers. Writes are probed by a control write, once reads work."""
        read = partial(self._in_time, partial(any_read, self._engine))
        write = partial(self._in_thread, partial(control_write, self._engine))
        return Prober(Probe(self._reads, read, refused=answered), Probe(self._writes, write, refused=answered))

    @property
    def undisturbed(self) -> bool:
        """Whether nothing is known to be wrong with it."""
        return self._reads.undisturbed

    async def run(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A write, which is never given up halfway. Raises CircuitOpen (it did not begin), or the store's faults as
        they are.

        A database that takes no writes may answer reads: only writes say how it is with writes. One that answers no
        reads takes no writes, which read."""
        if self._reads.refuses:
            raise CircuitOpen(_AWAY, retry_after_s=self._reads.open_remaining)
        try:
            return await self._writes.call_async(self._in_thread, lambda: work(self._engine, *args, **kwargs))
        except CallRefused as refused:
            raise CircuitOpen(_AWAY, retry_after_s=ceil(refused.retry_after_s)) from refused

    def _time_s(self) -> float:
        """For a read that begins now."""
        return min(self._read_timeout_s, deadline.remaining_s() - ANSWER_RESERVE_S)

    async def _in_time(self, work: Callable[[], T]) -> T:
        async with asyncio.timeout(self._time_s()):
            return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Drop what waits; the driver's own time limit ends what runs."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()


def any_read(engine: Engine) -> None:
    """Of every resource, an entity that does not exist: what reads need, for next to nothing."""
    for resource in domain().resources:
        reads.entity(engine, resource, _NO_ID)


def read_ends() -> float | None:
    """When a read of this request has to end, for the breaker: what a caller's haste cut off is judged with that in
    mind."""
    ends = deadline.end()
    return None if ends is None else ends - ANSWER_RESERVE_S
