"""Database: runs the store's blocking calls in their own bounded pool of threads, so that a hung database blocks no
other work."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from holdfast.services.api.batcher import Batcher, OutOfPatience
from holdfast.services.api.hedge import Hedge, hedged
from holdfast.shared.domain.registry import domain
from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.errors import AppError, CircuitOpen, DatabaseUnavailable, DeadlineExceeded
from holdfast.shared.faults import Fault
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.prober import Probe, Prober
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.verdict import Verdict
from holdfast.shared.resilience.pool import Pool
from holdfast.shared.runtime.time_budgets import ANSWER_RESERVE_S, BATCH_LATE_S
from holdfast.shared.store import reads
from holdfast.shared.store.classify import answered
from holdfast.shared.store.control import control_write
from holdfast.shared.store.engine import Engine
from holdfast.shared.telemetry.decisions import note
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.tracing import spans
from holdfast.shared.writes.merge import Entity

#: Clients of the API look for exactly this text.
_AWAY = "Database service temporarily unavailable"


#: The errors of a read that was refused, failed or took too long.
_FAILURES = (CallRefused, Fault, TimeoutError)

_NO_ID = str(uuid.UUID(int=0))

P = ParamSpec("P")
T = TypeVar("T")


class Row(NamedTuple):
    """An entity's row, if it has one, and when the read of it began (Unix seconds)."""

    entity: Entity | None
    as_of: float


class Database:
    """Calls of the database: `await database.call(reads.horizon)`, `await database.row(resource, id)`."""

    def __init__(
        self, engine: Engine, for_reads: Engine, threads: int, reads: Breaker, writes: Breaker, read_timeout_s: float
    ) -> None:
        self._engine = engine
        self._for_reads = for_reads
        self._pool = Pool("database", threads)
        self._reads = reads
        self._writes = writes
        self._read_timeout_s = read_timeout_s
        self._rows: dict[str, Batcher[str, Row]] = {}
        self._on_rows: list[Callable[[Sequence[Entity], float], None]] = []

    def listen(self, listener: Callable[[Sequence[Entity], float], None]) -> None:
        """Call `listener` with the entities whose rows are read, even if no request waits for them any more, and with
        the time at which the read began."""
        self._on_rows.append(listener)

    async def call(self, read: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read and give it up in time. Its thread becomes free when the driver's own timeouts have passed.

        Raises CircuitOpen at once while the database is known to be away, DatabaseUnavailable if the read fails or
        takes too long, or DeadlineExceeded if no time is left for it.
        """
        return await self._call(self._engine, read, *args, **kwargs)

    async def read(self, read: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a read that is one statement, on a connection without transactions. Raises like `call`."""
        return await self._call(self._for_reads, read, *args, **kwargs)

    async def row(self, resource: ResourceType, id: str, hedge: Hedge) -> Row:
        """Return the row of one entity, read together with others that are requested at the same time. Raises like
        `call`, or DatabaseSlow with the copy of the `hedge`."""
        rows = self._rows.get(resource.plural)
        if rows is None:
            rows = self._rows[resource.plural] = Batcher(partial(self._read_rows, resource))
        # A little longer than the call's own limit, so that all who share the call learn how it ended.
        patience_s = min(self._read_timeout_s + 2 * BATCH_LATE_S, deadline.remaining_s() - ANSWER_RESERVE_S)
        if patience_s <= 0:
            raise DeadlineExceeded()
        try:
            if not self.undisturbed:  # the breaker may admit some calls and refuse others, so none is shared
                return await hedged(rows.alone(id), *hedge)
            get = rows.get if spans.collector is None else spans.around(str(self._reads.name), rows.get)
            return await get(id, patience_s, hedge)
        except _FAILURES as error:
            if isinstance(error, OutOfPatience):
                took_ms = round(patience_s * 1000, 1)
                note(
                    Action.CALL_FAILED,
                    breaker=str(self._reads.name),
                    judged=Verdict.NEUTRAL.value,
                    error="TimeoutError",
                    took_ms=took_ms,
                )
            raise _explained(error) from error

    async def _read_rows(self, resource: ResourceType, ids: Sequence[str]) -> Mapping[str, Row | Exception]:
        as_of = time.time()
        found = await self._reads.call_async(self._in_time, lambda: reads.entities(self._for_reads, resource, ids))
        rows = {id: row if isinstance(row, Exception) else Row(row, as_of) for id, row in found.items()}
        there = [each for each in found.values() if isinstance(each, Entity)]
        for listener in self._on_rows:
            listener(there, as_of)
        return rows

    async def _call(
        self, engine: Engine, read: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._time_s() <= 0:
            raise DeadlineExceeded()
        try:
            return await self._reads.call_async(self._in_time, lambda: read(engine, *args, **kwargs))
        except _FAILURES as error:
            raise _explained(error) from error

    def prober(self) -> Prober:
        """Return the prober of both breakers. Writes are probed by a control write, once reads work."""
        read = partial(self._in_time, partial(any_read, self._for_reads))
        write = partial(self._in_thread, partial(control_write, self._engine))
        return Prober(Probe(self._reads, read, refused=answered), Probe(self._writes, write, refused=answered))

    @property
    def undisturbed(self) -> bool:
        """Whether nothing is known to be wrong with reads: their breaker lets every call pass."""
        return self._reads.undisturbed

    async def run(self, work: Callable[Concatenate[Engine, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a write, which is never given up halfway. Raises CircuitOpen if it did not begin, or the store's faults
        as they are.

        A database that refuses writes may answer reads, so writes have their own breaker, which only writes feed. A
        database that answers no reads takes no writes either, because writes read."""
        if self._reads.refuses:
            raise CircuitOpen(_AWAY, retry_after_s=self._reads.open_remaining)
        try:
            return await self._writes.call_async(self._in_thread, lambda: work(self._engine, *args, **kwargs))
        except CallRefused as refused:
            raise _refusal(refused) from refused

    def _time_s(self) -> float:
        """Return how many seconds a read that begins now may take."""
        return min(self._read_timeout_s, deadline.remaining_s() - ANSWER_RESERVE_S)

    async def _in_time(self, work: Callable[[], T]) -> T:
        async with asyncio.timeout(self._time_s()):
            return await self._in_thread(work)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Drop the calls that wait. Calls that run are ended by the driver's own timeout."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()
        self._for_reads.dispose()


def _explained(error: Exception) -> AppError:
    """Return the error for a read that was refused, failed or took too long."""
    return _refusal(error) if isinstance(error, CallRefused) else DatabaseUnavailable()


def _refusal(refused: CallRefused) -> CircuitOpen:
    return CircuitOpen(_AWAY, retry_after_s=ceil(refused.retry_after_s))


def any_read(engine: Engine) -> None:
    """Read a nonexistent entity of every resource. This needs all that reads need, and costs next to nothing."""
    for resource in domain().resources:
        reads.entity(engine, resource, _NO_ID)


def read_ends() -> float | None:
    """Return when a read of this request has to end, or None if it has no deadline. The breaker needs this to judge a
    read that was cut off because the client allowed little time."""
    ends = deadline.end()
    return None if ends is None else ends - ANSWER_RESERVE_S
