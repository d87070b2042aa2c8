"""The reaper deletes consumers that are gone, but none that has pending entries."""

from holdfast.services.writer.reaper import reap
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.queue.names import WRITERS_GROUP, WRITES
from tests.servers import RedisServer


async def test_only_who_is_long_gone_and_holds_nothing_is_removed(own_redis: RedisServer) -> None:
    """Of a consumer that has an entry, one that has settled its entry and a recent one, the reaper removes only a
    consumer without entries that is long gone, and it removes nothing if there is no group."""
    redis = connect(own_redis.address, RedisTimeouts(5, 5))
    try:
        assert await reap(redis, WRITES) == []
        await redis.xgroup_create(WRITES, WRITERS_GROUP, "0", mkstream=True)
        for consumer in ("holds", "settled"):
            entry = await redis.xadd(WRITES, {"any": consumer})
            await redis.xreadgroup(WRITERS_GROUP, consumer, {WRITES: ">"})
        await redis.xack(WRITES, WRITERS_GROUP, entry)
        assert await reap(redis, WRITES) == []
        assert await reap(redis, WRITES, abandoned_ms=-1) == ["settled"]
        assert [each["name"] for each in await redis.xinfo_consumers(WRITES, WRITERS_GROUP)] == [b"holds"]
        assert (await redis.xpending(WRITES, WRITERS_GROUP))["pending"] == 1
    finally:
        await redis.aclose()
