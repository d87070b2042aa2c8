"""Wait: when a request with `Prefer: wait` is answered that its write is over."""

import pytest
from redis.asyncio import Redis

from holdfast.services.api import wait
from holdfast.services.api.wait import Waiters
from holdfast.shared.queue.partitions import ONE
from tests.servers import RedisServer


@pytest.mark.parametrize("begun", [True, False])
async def test_what_was_over_before_is_not_waited_for(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, *, begun: bool
) -> None:
    """An operation that ended before the request, for which no message will come, is found by a check before the first
    pause. The check is made only for an operation that was accepted earlier."""
    monkeypatch.setattr(wait, "_LOOK_EVERY_S", 3600.0)
    async with Redis(port=redis_server.port) as redis:
        await redis.hset(ONE.of("").operation("op-1"), mapping={"status": "applied", "version": 1})
        assert await Waiters(redis, "api-1").ended("op-1", 0.2 if not begun else 60.0, begun=begun) is begun
