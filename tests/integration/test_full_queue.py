"""A queue that is out of memory can still be read, and still executes what frees memory or reports running services."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from redis.asyncio import Redis

from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.queue.backlog import backlog
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.names import DEAD, LEDGER, REPLAY, WRITERS, WRITES
from holdfast.shared.queue.presence import Presence, running_builds
from holdfast.shared.queue.snapshot import Snapshot, may_return, snapshot
from holdfast.shared.runtime.time_budgets import PRESENCE_EVERY_S
from holdfast.shared.writes import versions
from tests.servers import RedisServer


@pytest.fixture
async def full(own_redis: RedisServer) -> AsyncIterator[Redis]:
    """A queue without memory for more, with two entries, one of them delivered, and one dead letter."""
    redis = connect(own_redis.address, RedisTimeouts(2, 20))
    await ensure_groups(redis)
    for entry_id in ("5-1", "6-1"):
        await redis.xadd(WRITES, {"a": "write"}, id=entry_id)
    await redis.xreadgroup("writers", "a writer", {WRITES: ">"}, count=1)
    await redis.xadd(DEAD, {"a": "letter"}, id="7-1")
    await redis.hset(LEDGER, "replayed", "3")
    await redis.hset(f"{REPLAY}1", "a letter", "6-1")
    await redis.config_set("maxmemory", 1)
    yield redis
    await redis.config_set("maxmemory", 0)
    await redis.aclose()


async def test_it_is_counted_as_ever(full: Redis) -> None:
    """The backlog, the ledger's counts and the entries that may return are read in full from a queue without memory."""
    seen = await backlog(full)
    assert (seen.depth, seen.waiting, seen.drained) == (2, 1, 0)
    assert seen.oldest_age_s > seen.waiting_age_s > 0
    of = versions.from_stream_id
    assert await snapshot(full) == Snapshot((of("6-1"),), ("7-1",), entries=2, duplicates=0, replayed=3, late={})
    assert await may_return(full) == (of("5-1"), 1)


async def test_who_runs_is_known(full: Redis) -> None:
    """A writer can report its presence in a full queue, so it does not count as gone while it reduces the backlog."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PRESENCE_EVERY_S / 2):  # the first report; the coroutine never ends
            await Presence(full, WRITERS, "writer-0").run()
    assert list(await running_builds(full)) == ["writer-0"]


async def test_a_replay_ends(full: Redis) -> None:
    """A full queue can close a replay and free the replay's records."""
    await Sender(full).forget(1)
    assert await full.hgetall(f"{REPLAY}1") == {b"closed": b"1"}
