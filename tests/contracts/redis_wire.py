"""Wire: commands and plain replies, of a real Redis and of the model."""

import socket
from typing import Any

import hiredis

from tests.contracts.redis_draws import Words
from tests.models.redis.reads import Wait
from tests.models.redis.reply import Failure, encode
from tests.models.redis_server import RedisModel


class Wire:
    """A connection to a real server."""

    def __init__(self, address: str) -> None:
        host, port = address.split(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._replies = hiredis.Reader()

    def many(self, commands: list[Words]) -> list[Any]:
        """Send all commands in one write, and return their replies."""
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
        """Close the socket."""
        self._socket.close()


def _plain(reply: Any) -> Any:
    if isinstance(reply, list):
        return [_plain(each) for each in reply]
    return f"error: {reply}" if isinstance(reply, hiredis.ReplyError) else reply


def modelled(model: RedisModel, command: Words) -> Any:
    """Return the model's reply, in the form in which `Wire` returns a real server's."""
    try:
        reply = model.run([part.encode() for part in command])
    except Failure as failure:
        reply = failure
    model.space.changed.clear()
    reader = hiredis.Reader()
    reader.feed(encode(None if isinstance(reply, Wait) else reply, 2))
    return _plain(reader.gets())
