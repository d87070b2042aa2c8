"""The keeper and its drivers on real stores: which replays are driven, and what a driver does while it cannot judge."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis

from holdfast.services.dlq_admin.database import Database as Threads
from holdfast.services.dlq_admin.replays.driver import Look
from holdfast.services.dlq_admin.replays.keeper import Keeper
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.services.dlq_admin.replays.stop_rules import Surroundings
from holdfast.services.dlq_admin.replays.traces import Traces
from holdfast.shared.connections.redis import connect, text
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.replays import create, read, steer
from holdfast.shared.letters.replays.plan import ItemState, Plan, ReplayState
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.queue.names import WRITES
from holdfast.shared.queue.partitions import ONE
from holdfast.shared.store.engine import Engine, make_engine
from tests.letters import letter
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, START_DEADLINE_S, Database, RedisServer

ANN = Actor("ann", "operate", "because", "req_12345678")
#: A pace at which nothing is sent while the test runs.
_SLOW = Plan(rate_per_s=0.001, canary=())


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine like dlq_admin's."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, pool_size=8)
    yield made
    made.dispose()


@pytest.fixture
async def redis(clean_redis: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty queue."""
    client = connect(clean_redis.address, PATIENT_REDIS)
    yield client
    await client.aclose()


def replay(engine: Engine, *numbers: int, plan: Plan) -> int:
    """Create a replay of new letters, and return its id."""
    letters = [letter(n) for n in numbers]
    index.index(engine, letters)
    selection = Selection(numbers=tuple(one.number for one in letters))
    return create.create(engine, selection, plan, ANN, expected=len(letters), most=100, rules=Rules(100, 60)).replay_id


def now(engine: Engine, replay_id: int) -> Replay:
    """Return the replay as it is now."""
    found = read.replay(engine, replay_id)
    assert found is not None
    return found


async def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    async with asyncio.timeout(START_DEADLINE_S):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.02)


async def calm(_: int, __: float) -> Surroundings:
    """Return surroundings in which nothing stops a replay."""
    return Surroundings()


@asynccontextmanager
async def kept(engine: Engine, redis: Redis, look: Look = calm) -> AsyncIterator[Keeper]:
    """Run a keeper."""
    threads = Threads(engine, threads=2, background=3, audit=1, read_timeout_s=30)
    keeper = Keeper(
        threads, Sender(redis), Traces(redis, ONE), look, instance="a", lease_s=60, notify=lambda *_, **__: None
    )
    running = asyncio.create_task(keeper.run())
    try:
        yield keeper
    finally:
        running.cancel()
        await asyncio.wait([running])
        await keeper.stop()
        threads.close()


async def test_a_replay_ends_while_others_send(engine: Engine, redis: Redis) -> None:
    """A replay that is cancelled ends although as many replays as a replica sends at once are still sending."""
    sending = [replay(engine, 2 * n, 2 * n + 1, plan=_SLOW) for n in range(4)]
    waiting = replay(engine, 100, plan=_SLOW)
    async with kept(engine, redis) as keeper:
        await until(lambda: all(now(engine, each).lease_owner for each in sending))
        steer.steer(engine, waiting, "cancel", ANN, dry_run=False)
        keeper.wake(waiting)
        await until(lambda: now(engine, waiting).state is ReplayState.CANCELLED)
    assert {now(engine, each).state for each in sending} == {ReplayState.RUNNING}


async def test_nothing_is_sent_before_the_results_are_judged(engine: Engine, redis: Redis) -> None:
    """After a canary letter has failed as before, no other letter is sent, although the first look at the surroundings
    fails."""
    looks = 0

    async def failing_once(_: int, __: float) -> Surroundings:
        nonlocal looks
        if not now(engine, one).counts.finished:
            return Surroundings()
        looks += 1
        if looks == 1:
            raise ConnectionError("lost")
        return Surroundings()

    one = replay(engine, *range(6), plan=Plan(canary=(1, 5)))
    async with kept(engine, redis, failing_once):
        await until(lambda: now(engine, one).counts[ItemState.SENT])
        [(entry, _)] = await redis.xrange(WRITES)
        await redis.xdel(WRITES, entry)
        index.index(engine, [letter(50, entry_id=text(entry))])
        await until(lambda: now(engine, one).state is ReplayState.STOPPED)
    assert looks > 1
    assert now(engine, one).counts.sent == 1
