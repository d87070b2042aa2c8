"""When a server that was broken answers again, measured over the wire, as any client would."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.load.answers import answers_at
from tests.ports import free_port

_LOADING = b"-LOADING Redis is loading the dataset in memory\r\n"
_NO_LOGIN = b"-NOAUTH Authentication required.\r\n"
_TOO_MANY = b"\x17\x00\x00\x00\xff\x10\x04Too many connections"
_GREETING = b"\x4a\x00\x00\x00\x0a10.11.6-MariaDB\x00"


@pytest.mark.parametrize(
    ("target", "first", "then"),
    [("queue", _LOADING, b"+PONG\r\n"), ("queue", _LOADING, _NO_LOGIN), ("database", _TOO_MANY, _GREETING)],
)
async def test_it_answers_when_it_takes_work(target: Any, first: bytes, then: bytes) -> None:
    """A server counts as answering once it takes work, not while its port is closed or it refuses every client."""
    replies = [first, first]

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(replies.pop() if replies else then)
        writer.close()

    port = free_port()
    stack: Any = SimpleNamespace(address=lambda _: f"127.0.0.1:{port}")
    asking = asyncio.create_task(answers_at(stack, target))
    await asyncio.sleep(0)
    began = time.time()
    async with await asyncio.start_server(serve, "127.0.0.1", port), asyncio.timeout(60):
        assert await asking >= began
    assert replies == []
