"""Commands on Redis: random ones have the same replies on the model as on a real server."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import hiredis
import pytest

from tests.contracts.conftest import OTHER_REDIS, address
from tests.contracts.redis_draws import Draw, Words, comparable
from tests.models.redis.reads import Wait
from tests.models.redis.reply import Failure, encode
from tests.models.redis_server import RedisModel

_DRAWS, _COMMANDS = 40, 200


class _Wire:
    """A connection to a real server."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._replies = hiredis.Reader()

    def many(self, commands: list[Words]) -> list[Any]:
        """Their replies."""
        self._socket.sendall(b"".join(map(hiredis.pack_command, map(tuple, commands))))
        replies: list[Any] = []
        while len(replies) < len(commands):
            reply = self._replies.gets()
            if reply is False:
                self._replies.feed(self._socket.recv(1 << 20))
            else:
                replies.append(_plain(reply))
        return replies

    def close(self) -> None:
        """Of the socket."""
        self._socket.close()


def _plain(reply: Any) -> Any:
    if isinstance(reply, list):
        return [_plain(each) for each in reply]
    return f"error: {reply}" if isinstance(reply, hiredis.ReplyError) else reply


def _modelled(model: RedisModel, command: Words) -> Any:
    try:
        reply = model.run([part.encode() for part in command])
    except Failure as failure:
        reply = failure
    model.space.changed.clear()
    reader = hiredis.Reader()
    reader.feed(encode(None if isinstance(reply, Wait) else reply, 2))
    return _plain(reader.gets())


@pytest.fixture(params=["real", *(["other"] if OTHER_REDIS else [])])
def wire(request: pytest.FixtureRequest) -> Iterator[_Wire]:
    """A connection to each real server."""
    with closing(_Wire(address(request))) as made:
        yield made


def test_random_commands(wire: _Wire) -> None:
    """Whatever commands come in whatever order, the model's replies are a real server's."""
    for seed in range(_DRAWS):
        draw, model = Draw(seed), RedisModel(time.time)
        commands = [draw.command() for _ in range(_COMMANDS)]
        wire.many([["FLUSHALL"]])
        for at, (command, real) in enumerate(zip(commands, wire.many(commands), strict=True)):
            modelled = comparable(command, _modelled(model, command))
            assert modelled == comparable(command, real), f"seed {seed}, command {at}: {command}"
