"""Apply beside a database that goes away: no write is lost or reordered, and the load returns gradually."""

import asyncio
import itertools
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from holdfast.services.writer.apply import Applier
from holdfast.services.writer.hold import Hold, database_breaker
from holdfast.services.writer.pace import Pace
from holdfast.shared.faults import Outage
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.snapshot import State
from holdfast.shared.writes.outcome import Applied, Outcome

BATCH = list(range(100))

#: The duration of a transaction: a moment, so that another could begin beside it.
_WORK_S = 0.002


class Threads(ThreadPoolExecutor):
    """A thread pool that remembers what was submitted."""

    def __init__(self) -> None:
        super().__init__(3)
        self.given: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Submit a call and remember it."""
        self.given.append(super().submit(fn, *args, **kwargs))
        return self.given[-1]

    @property
    def idle(self) -> bool:
        """Whether everything that was submitted has ended."""
        return all(future.done() for future in self.given)


class Database:
    """A database that applies numbers, is away while it is set to be, and records its transactions."""

    def __init__(self) -> None:
        self.away = False
        self.sizes: list[int] = []
        self.at_once: list[int] = []
        self._running = 0
        self._lock = threading.Lock()

    def transaction(self, batch: list[Any], _again: bool) -> list[Outcome]:
        """Return Applied(n) for each number n. Raises Outage if the database is away."""
        with self._lock:
            self._running += 1
            self.at_once.append(self._running)
            self.sizes.append(len(batch))
        try:
            time.sleep(_WORK_S)
            if self.away:
                raise Outage("away")
            return [Applied(number) for number in batch]
        finally:
            with self._lock:
                self._running -= 1

    async def control_write(self) -> None:
        """Do nothing. Raises ConnectionError if the database is away."""
        if self.away:
            raise ConnectionError("away")


@pytest.fixture
def database() -> Database:
    """A database that is there at first."""
    return Database()


@pytest.fixture
def breaker() -> Breaker:
    """The breaker of a writer for its database."""
    return database_breaker(timeout_s=1)


@pytest.fixture
def threads() -> Iterator[Threads]:
    """The threads for the transactions."""
    with Threads() as threads:
        yield threads


@pytest.fixture
async def apply(database: Database, breaker: Breaker, threads: Threads) -> AsyncIterator[Applier]:
    """An applier with a prober that probes often."""
    hold = Hold(breaker, database.control_write)
    pace = Pace(len(BATCH), target_s=1)
    probing = asyncio.create_task(hold.prober(lambda _least, _most: 0.05).run())
    yield Applier(database.transaction, threads, breaker, hold, pace)
    probing.cancel()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds, for a minute at most."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_in_health_a_batch_is_one_transaction(apply: Applier, database: Database) -> None:
    """With a healthy database, a batch is one transaction and is neither split nor queued."""
    assert await apply(BATCH) == [Applied(number) for number in BATCH]  # type: ignore[arg-type]
    assert database.sizes == [len(BATCH)]


async def test_after_an_outage_it_begins_with_a_little_at_a_time(
    apply: Applier, database: Database, breaker: Breaker, threads: Threads
) -> None:
    """After an outage two whole batches that were held are applied in transactions that begin small and grow gradually,
    and every outcome is where it belongs."""
    database.away = True
    held = [asyncio.create_task(apply(BATCH)) for _ in range(2)]  # type: ignore[arg-type]
    await until(lambda: breaker.state is State.OPEN and threads.idle)
    tried = len(database.sizes)
    database.away = False
    async with asyncio.timeout(60):
        assert await asyncio.gather(*held) == [[Applied(number) for number in BATCH]] * 2
    after = database.sizes[tried:]
    assert after[0] < len(BATCH) / 10
    assert sum(after) == 2 * len(BATCH)
    largest = itertools.accumulate(after, max)  # the rest of the other batch may come before a larger transaction
    assert all(later <= 2 * size + 1 for size, later in zip(largest, after[1:], strict=False))
    assert database.at_once[tried : tried + 4] == [1] * 4


async def test_forced_open_nothing_is_asked(apply: Applier, database: Database, breaker: Breaker) -> None:
    """While an operator forces the breaker open no transaction is tried; the batch is applied once the order is
    lifted."""
    breaker.force_open(actor="ann", reason="a test")
    held = asyncio.create_task(apply(BATCH))  # type: ignore[arg-type]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await asyncio.shield(held)
    assert database.sizes == []
    breaker.lift(actor="ann", reason="a test")
    async with asyncio.timeout(60):
        assert len(await held) == len(BATCH)


async def test_forced_closed_it_tries_a_dead_database_but_not_in_a_spin(
    apply: Applier, database: Database, breaker: Breaker
) -> None:
    """If an operator forces the breaker closed over a dead database, each attempt is followed by a pause, because the
    operator may be wrong, and the outcome is still waited for."""
    database.away = True
    breaker.force_closed(actor="ann", reason="a test")
    held = asyncio.create_task(apply(BATCH))  # type: ignore[arg-type]
    await until(lambda: len(database.sizes) >= 3)
    assert len(database.sizes) < 10
    database.away = False
    async with asyncio.timeout(60):
        assert len(await held) == len(BATCH)
