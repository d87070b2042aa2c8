"""Entries that were delivered before the clock of the queue's server was set back are taken over as early as others."""

import asyncio
import struct
from typing import Any

from redis.asyncio import Redis

from holdfast.shared.queue.names import DLQ_GROUP, WRITERS_GROUP
from holdfast.shared.queue.orphans import Orphans
from holdfast.shared.queue.partitions import ONE
from tests.integration.test_crash_evidence import Hands
from tests.servers import START_DEADLINE_S, RedisServer

_HOUR_MS = 3_600_000
#: Of the end of a dump: its version and its checksum, CRC-64 with this polynomial.
_CHECKSUM_BYTES, _POLYNOMIAL = 8, 0x95AC9329AC4BC9B5


async def _set_back(redis: Redis, stream: str, group: str) -> None:
    """Put the deliveries of an hour from now in the place of those that were made, as after the clock was set back."""
    dump: Any = await redis.dump(stream)
    dump = dump[:-_CHECKSUM_BYTES]
    full: Any = await redis.xinfo_stream(stream, full=True)
    [pending] = [each["pending"] for each in full["groups"] if each["name"] == group.encode()]
    for entry_id, _, delivered_ms, _ in pending:
        key = struct.pack(">QQ", *map(int, entry_id.split(b"-")))
        before, after = (key + struct.pack("<q", moment) for moment in (delivered_ms, delivered_ms + _HOUR_MS))
        assert dump.count(before) == 1
        dump = dump.replace(before, after)
    await redis.restore(stream, 0, dump + struct.pack("<Q", _crc64(dump)), replace=True)


def _crc64(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


async def test_what_a_dead_writer_had_is_taken_over(clean_redis: RedisServer) -> None:
    """What a dead writer had in hand when the clock went back an hour is taken over after the usual idle time."""
    [partition] = ONE
    async with Redis(port=clean_redis.port) as redis:
        await redis.xgroup_create(partition.writes, WRITERS_GROUP, "0", mkstream=True)
        ids = [(await redis.xadd(partition.writes, {"n": n})).decode() for n in range(3)]
        await redis.xreadgroup(WRITERS_GROUP, "dead", {partition.writes: ">"})
        await _set_back(redis, partition.writes, WRITERS_GROUP)
        hands = Hands(redis)
        task = asyncio.create_task(hands.reclaimer(partition, idle_s=0.01).run())
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                while len(hands.given) < len(ids):
                    await asyncio.sleep(0)
        finally:
            task.cancel()
        assert [entry.id for entry in hands.given] == ids


async def test_what_a_live_writer_has_is_not(clean_redis: RedisServer) -> None:
    """A look after the clock went back counts no delivery, takes no entry from its consumer, adopts nothing, and leaves
    an entry that was delivered since as idle as it is."""
    [partition] = ONE
    async with Redis(port=clean_redis.port) as redis:
        stream = partition.dead
        await redis.xgroup_create(stream, DLQ_GROUP, "0", mkstream=True)
        for consumer in ("before", "after"):
            await redis.xadd(stream, {"n": 1})
            await redis.xreadgroup(DLQ_GROUP, consumer, {stream: ">"})
            if consumer == "before":
                await _set_back(redis, stream, DLQ_GROUP)
        [_, after] = await redis.xpending_range(stream, DLQ_GROUP, "-", "+", 9)
        await redis.xclaim(stream, DLQ_GROUP, "after", 0, [after["message_id"]], idle=_HOUR_MS, justid=True)
        assert await Orphans(redis, stream, DLQ_GROUP, "dead").adopt("me", 15_000) == 0
        looked: Any = await redis.xpending_range(stream, DLQ_GROUP, "-", "+", 9)
        assert [(each["consumer"], each["times_delivered"]) for each in looked] == [(b"before", 1), (b"after", 1)]
        assert looked[0]["time_since_delivered"] < _HOUR_MS <= looked[1]["time_since_delivered"]
        full: Any = await redis.xinfo_stream(stream, full=True)
        now_s, _ = await redis.time()
        assert full["groups"][0]["pending"][0][2] <= (now_s + 1) * 1000
