"""The primary is found by any Sentinel of the list that knows it, whatever the others answer."""

from pathlib import Path

import pytest
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import RedisTimeouts, connect
from tests.failover.group import NAME, SentinelServer
from tests.servers import RedisServer

_TIMEOUTS = RedisTimeouts(5, 20)


async def test_one_that_refuses_hides_no_other(own_redis: RedisServer, tmp_path: Path) -> None:
    """A node of Redis that is listed as a Sentinel, and a Sentinel that refuses the question, keep no client from the
    primary that another Sentinel knows, wherever they stand in the list. Without such another one, the error is what
    they answered."""
    refuses, knows = (SentinelServer(tmp_path / name, own_redis.port, 1) for name in ("refuses", "knows"))
    hosts = [f"127.0.0.1:{each.port}" for each in (own_redis, refuses, knows)]
    try:
        for each in (refuses, knows):
            each.start()
        with refuses.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "-sentinel")
        for order in (hosts, hosts[::-1]):
            redis = connect(f"redis+sentinel://{','.join(order)}/{NAME}", _TIMEOUTS)
            assert await redis.ping()
            await redis.aclose()
        for wrong in hosts[:2]:
            redis = connect(f"redis+sentinel://{wrong}/{NAME}", _TIMEOUTS)
            with pytest.raises(RedisError, match=r"unknown command|has no permissions"):
                await redis.ping()
            await redis.aclose()
    finally:
        for each in (refuses, knows):
            each.kill()
