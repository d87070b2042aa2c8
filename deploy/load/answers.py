"""Answers: determines when a broken server answers a client of its own again. Recovery cannot be faster than that."""

import asyncio
import time
from collections.abc import Mapping

from deploy.announce import Target
from deploy.local.output import Problem
from deploy.stacks.stack import Stack

#: Answers of a Redis that works. One with users answers everybody else with the second.
_ANSWERS = (b"+PONG", b"-NOAUTH")
#: What is sent to the server, and how its answer begins. The database speaks first, with its greeting or an error.
_PING: Mapping[str, tuple[bytes, tuple[bytes, ...]]] = {
    "database": (b"", (b"",)),
    "queue": (b"PING\r\n", _ANSWERS),
    "cache": (b"PING\r\n", _ANSWERS),
}
_EVERY_S, _ANSWER_S, _GIVEN_UP_S = 0.05, 5.0, 120.0
_GREETING_AT, _ERROR = 4, 0xFF


async def answers_at(stack: Stack, target: Target) -> float:
    """Return the Unix second of the first answer. It is now for a server that cannot be asked: the third party, which
    recovers at once, and a container's store without a published port. Raises Problem if no answer comes."""
    if target not in _PING:
        return time.time()
    try:
        host, _, port = stack.address(target).rpartition(":")
    except Problem:
        return time.time()
    question, expected = _PING[target]
    given_up = time.monotonic() + _GIVEN_UP_S
    while time.monotonic() < given_up:
        try:
            async with asyncio.timeout(_ANSWER_S):
                answer = await _answer(host, int(port), question)
        except (OSError, TimeoutError):
            answer = b""
        if len(answer) > _GREETING_AT and answer.startswith(expected) and answer[_GREETING_AT] != _ERROR:
            return time.time()
        await asyncio.sleep(_EVERY_S)
    raise Problem(f"the {target} does not answer its own client after {_GIVEN_UP_S:.0f} s", "make status")


async def _answer(host: str, port: int, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(question)
        return await reader.read(64)
    finally:
        writer.close()
