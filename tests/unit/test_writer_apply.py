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

#: A transaction takes a moment, so that another could begin beside it.
_WORK_S = 0.002


class Threads(ThreadPoolExecutor):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__(3)
        self.given: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As any executor."""
        self.given.append(super().submit(fn, *args, **kwargs))
        return self.given[-1]

    @property
    def idle(self) -> bool:
        """Whether all of that is over."""
        return all(future.done() for future in self.given)


class Database:
    """Applies numbers; is away while it is set to be, and notes what it was asked."""

    def __init__(self) -> None:
        self.away = False
        self.sizes: list[int] = []
        self.at_once: list[int] = []
        self._running = 0
        self._lock = threading.Lock()

    def transaction(self, batch: list[Any], _again: bool) -> list[Outcome]:
        """The outcome of number n is Applied(n)."""
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
        """Whether it is there."""
        if self.away:
            raise ConnectionError("away")


@pytest.fixture
def database() -> Database:
    """At first it is there."""
    return Database()


@pytest.fixture
def breaker() -> Breaker:
    """A writer's."""
    return database_breaker(timeout_s=1)


@pytest.fixture
def threads() -> Iterator[Threads]:
    """For the transactions."""
    with Threads() as threads:
        yield threads


@pytest.fixture
async def apply(database: Database, breaker: Breaker, threads: Threads) -> AsyncIterator[Applier]:
    """An applier with the prober, which asks often."""
    hold = Hold(breaker, database.control_write)
    pace = Pace(len(BATCH), target_s=1)
    probing = asyncio.create_task(hold.prober(lambda _least, _most: 0.05).run())
    yield Applier(database.transaction, threads, breaker, hold, pace)
    probing.cancel()


async def until(condition: Callable[[], bool]) -> None:
    """For a minute at most."""
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def test_in_health_a_batch_is_one_transaction(apply: Applier, database: Database) -> None:
    """Nothing is split or queued."""
    assert await apply(BATCH) == [Applied(number) for number in BATCH]  # type: ignore[arg-type]
    assert database.sizes == [len(BATCH)]


async def test_after_an_outage_it_begins_with_a_little_at_a_time(
    apply: Applier, database: Database, breaker: Breaker, threads: Threads
) -> None:
    """Of two whole batches that were held; every outcome is where it belongs."""
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
    largest = itertools.accumulate(after, max)  # before it may come the rest of the other batch
    assert all(later <= 2 * size + 1 for size, later in zip(largest, after[1:], strict=False))
    assert database.at_once[tried : tried + 4] == [1] * 4


async def test_forced_open_nothing_is_asked(apply: Applier, database: Database, breaker: Breaker) -> None:
    """Until it is lifted."""
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
    """An operator may be wrong: a try is followed by a pause, and the outcome is waited for all the same."""
    database.away = True
    breaker.force_closed(actor="ann", reason="a test")
    held = asyncio.create_task(apply(BATCH))  # type: ignore[arg-type]
    await until(lambda: len(database.sizes) >= 3)
    assert len(database.sizes) < 10
    database.away = False
    async with asyncio.timeout(60):
        assert len(await held) == len(BATCH)
