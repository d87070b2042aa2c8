"""A writer asks the queue which entries it still has."""

from typing import Any

from redis.asyncio import Redis

from holdfast.services.writer.reclaim import Reclaimer
from holdfast.shared.queue.names import WRITERS_GROUP, WRITES
from holdfast.shared.queue.partitions import QUEUE
from tests.servers import RedisServer

_NOTHING: Any = None


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
            redis, "me", "me:reclaim", *[_NOTHING] * 6, idle_s=15, crashes_max=3, partition=QUEUE
        )  # fmt: skip
        assert await reclaimer.ours(ids) == {read, taken_over}
