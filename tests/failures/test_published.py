"""What a process publishes of its failures, while the cache loses it."""

import asyncio
import time

import pytest

from holdfast.shared.connections.redis import connect
from holdfast.shared.http.failures import published
from holdfast.shared.http.failures.published import KEY, Publisher, reported
from holdfast.shared.http.failures.table import FailureTable
from tests.servers import PATIENT_REDIS, START_DEADLINE_S, RedisServer


async def test_a_cache_that_forgot_learns_again(clean_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that has not changed is written again after the cache has lost it: otherwise past failures would be
    unknown until the next one."""
    monkeypatch.setattr(published, "_EVERY_S", 0.01)
    monkeypatch.setattr(published, "_AGAIN_S", 0.05)
    redis = connect(clean_redis.address, PATIENT_REDIS)
    table = FailureTable("1+a", lambda _: "anybody", b"secret")
    publisher = asyncio.create_task(Publisher(redis, table, "api", "api-1", "1+a").run())
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            for _ in range(2):
                while not await reported(redis, time.time()):
                    await asyncio.sleep(0.01)
                await redis.delete(KEY)
    finally:
        publisher.cancel()
        await asyncio.gather(publisher, return_exceptions=True)
        await redis.aclose()
