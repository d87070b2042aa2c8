"""A command that fails or is cancelled, at any moment and more than once, returns its place in the pool to the next
command, without waiting."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop
from redis.exceptions import ResponseError

from holdfast.shared.connections.asking import ask
from holdfast.shared.connections.connection import WrongNode
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import Script
from tests.servers import RedisServer

_LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
#: The number of loop turns that a script may take on a slow machine, and how often each is tried, because it is
#: chance when a reply comes.
_TURNS, _ROUNDS = 40, 10
#: What a script does. `WAIT` on a server without replicas is one more reply to read.
_SCRIPTS = {
    "answers": ("return redis.call('INCR', KEYS[1])", None),
    "fails": ("return redis.error_reply('NO of its own')", None),
    "has too few replicas": ("return redis.call('INCR', KEYS[1])", Replicas(1, timeout_s=0.001)),
    "fails before its replicas are asked": ("return redis.error_reply('NO')", Replicas(1, timeout_s=0.001)),
}


@pytest.mark.parametrize(("code", "kind"), [("NO", ResponseError), ("READONLY", WrongNode)])
async def test_an_error_does_not_wait_until_the_connection_is_closed(
    clean_redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, kind: type[Exception]
) -> None:
    """An error is raised without waiting for the connection to close, which may take long: a frozen server does not end
    TLS."""
    (tmp_path / "script.lua").write_text(f"return redis.error_reply('{code} of its own')")

    async def never(_: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    redis = connect(clean_redis.address, RedisTimeouts(1, 20), pool_size=1)
    with monkeypatch.context() as patched:
        patched.setattr(asyncio.StreamWriter, "wait_closed", never)
        with pytest.raises(kind, match="of its own"):
            await Script(redis, tmp_path / "script.lua")(["n"], [])
    assert await ask(redis, "EXISTS", "nothing") == 0
    await redis.aclose()


@pytest.mark.parametrize("new_loop", _LOOPS.values(), ids=_LOOPS.keys())
@pytest.mark.parametrize(("text", "replicas"), _SCRIPTS.values(), ids=_SCRIPTS.keys())
def test_a_cancelled_script_gives_its_place_back(
    clean_redis: RedisServer,
    tmp_path: Path,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    text: str,
    replicas: Replicas | None,
) -> None:
    """A script returns its place in the pool when it is cancelled after any number of loop turns, and again while it
    ends."""
    (tmp_path / "script.lua").write_text(text)

    async def cancelled_everywhere() -> None:
        redis = connect(clean_redis.address, RedisTimeouts(20, 20), pool_size=1)
        script = Script(redis, tmp_path / "script.lua", replicas)
        for turns in [*range(_TURNS)] * _ROUNDS:
            task = asyncio.create_task(script(["n"], []))
            for _ in range(turns):
                await asyncio.sleep(0)
            while not task.done():
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(task, return_exceptions=True)
            assert redis.connection_pool.can_get_connection(), f"after {turns} turns"  # type: ignore[no-untyped-call]
        assert await ask(redis, "EXISTS", "nothing") == 0
        await redis.aclose()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(cancelled_everywhere())
