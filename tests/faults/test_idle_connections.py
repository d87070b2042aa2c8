"""A connection that died while idle is noticed before a command is sent on it, so that the command certainly had no
effect."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from redis.asyncio import Redis

from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.connections.script import NotSent, Script
from tests.servers import RedisServer

_AT_ONCE = 5
_LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.mark.parametrize("turns", [0, 1, 2, 50])
@pytest.mark.parametrize("new_loop", _LOOPS.values(), ids=_LOOPS.keys())
def test_what_died_idle_takes_no_command(
    own_redis: RedisServer, tmp_path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop], turns: int
) -> None:
    """A connection that died while idle takes no command, whether or not the loop had time to see that the server is
    gone. The same client continues when the server is back, also after an unnoticed restart."""
    (tmp_path / "add.lua").write_text("return redis.call('INCR', KEYS[1])")

    async def used_by_many(script: Script) -> list[object]:
        return await asyncio.gather(*(script(["n"], []) for _ in range(_AT_ONCE)), return_exceptions=True)

    async def outage() -> None:
        redis: Redis = connect(own_redis.address, RedisTimeouts(20, 20))
        script = Script(redis, tmp_path / "add.lua")
        assert set(await used_by_many(script)) == {1, 2, 3, 4, 5}
        own_redis.kill()
        for _ in range(turns):
            await asyncio.sleep(0)
        assert [type(each) for each in await used_by_many(script)] == [NotSent] * _AT_ONCE
        own_redis.start()
        assert set(await used_by_many(script)) == {6, 7, 8, 9, 10}
        own_redis.kill()
        own_redis.start()
        assert set(await used_by_many(script)) == {11, 12, 13, 14, 15}
        await redis.aclose()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(outage())


async def test_closing_a_connection_waits_for_no_server(own_redis: RedisServer) -> None:
    """A connection whose server takes nothing more is closed without an error, so that a call of another node, or an
    answer that has arrived, is not lost with it."""
    redis: Redis = connect(own_redis.address, RedisTimeouts(0.2, 20))
    connection = await redis.connection_pool.get_connection()
    writer = connection._writer
    own_redis.freeze()
    try:
        await connection.send_command("SET", "key", b"x" * 30_000_000)
        await connection.disconnect()
    finally:
        own_redis.thaw()
    assert not connection.is_connected
    await redis.connection_pool.release(connection)
    await redis.aclose()
    await writer.wait_closed()
