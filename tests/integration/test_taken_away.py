"""A writer asks the queue which entries it still has."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis

from holdfast.services.writer.reclaim import Reclaimer
from holdfast.shared.queue.deliveries import TakeOver
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import WRITERS_GROUP, WRITES
from holdfast.shared.queue.partitions import QUEUE
from tests.integration.test_crash_evidence import Hands
from tests.servers import START_DEADLINE_S, RedisServer

_NOTHING: Any = None
_LONG_MS = 3_600_000


async def test_it_has_what_is_pending_under_its_names(clean_redis: RedisServer) -> None:
    """Of a batch, a writer still has the entries that its reader or its reclaimer has pending, and not those that
    another writer has taken over, that are settled, or that are orphans."""
    async with Redis(port=clean_redis.port) as redis:
        await redis.xgroup_create(WRITES, WRITERS_GROUP, "0", mkstream=True)
        ids = [(await redis.xadd(WRITES, {"n": n})).decode() for n in range(5)]
        read, taken_over, anothers, settled, orphan = ids
        await redis.xreadgroup(WRITERS_GROUP, "me", {WRITES: ">"})
        await redis.xclaim(WRITES, WRITERS_GROUP, "me:reclaim", 0, [taken_over])
        await redis.xclaim(WRITES, WRITERS_GROUP, "other:reclaim", 0, [anothers])
        await redis.xclaim(WRITES, WRITERS_GROUP, "gone", 0, [orphan])
        await redis.xgroup_delconsumer(WRITES, WRITERS_GROUP, "gone")
        await redis.xack(WRITES, WRITERS_GROUP, settled)
        reclaimer = Reclaimer(
            redis, "me", *[_NOTHING] * 6, idle_s=15, crashes_max=3, partition=QUEUE
        )  # fmt: skip
        assert await reclaimer.ours(ids) == {read, taken_over}


@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("outage", [False, True])
async def test_a_writer_that_was_frozen_takes_nothing_back(clean_redis: RedisServer, waits: bool, outage: bool) -> None:
    """What was taken over from a frozen writer stays with the writer that has it now, whether the frozen one was trying
    it or kept it for later. What the frozen one still has is not idle again."""
    async with Redis(port=clean_redis.port) as redis:
        hands = Hands(redis)
        await redis.xgroup_create(WRITES, WRITERS_GROUP, "0", mkstream=True)
        ids = [(await redis.xadd(WRITES, {"n": n})).decode() for n in range(3)]
        await redis.xreadgroup(WRITERS_GROUP, "me", {WRITES: ">"})
        await redis.xclaim(WRITES, WRITERS_GROUP, "me:reclaim", 0, ids[1:], justid=True)
        await redis.xclaim(WRITES, WRITERS_GROUP, "me", 0, ids[:1], idle=_LONG_MS, justid=True)
        await TakeOver(redis, QUEUE, "other:reclaim")(ids[2:], 0)
        hands.pipeline.in_hand |= set(ids)
        if waits:
            for entry_id in ids:
                hands.deferred.for_backoff(Entry(entry_id, {}), 1)
        task = asyncio.create_task(hands.reclaimer(QUEUE, idle_s=15, outage=outage).keep_alive())

        async def pending() -> list[dict[str, Any]]:
            return await redis.xpending_range(WRITES, WRITERS_GROUP, "-", "+", 9)

        try:
            async with asyncio.timeout(START_DEADLINE_S):
                while (now := await pending())[0]["time_since_delivered"] >= _LONG_MS:
                    pass
        finally:
            task.cancel()
        assert [each["consumer"] for each in now] == [b"me:reclaim", b"me:reclaim", b"other:reclaim"]
        assert [each["times_delivered"] for each in now] == [1, 1, 2]
