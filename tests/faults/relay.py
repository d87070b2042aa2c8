"""Relay: stands between an acceptor and its Redis, and lets each script call get exactly as far as a test wants."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Self


async def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Step:
    """How far one script call gets. `up` and `down` are the shares of the command's and of the reply's bytes that
    pass."""

    up: float = 1.0
    down: float = 1.0
    #: What happens after the last byte that passes, if bytes are missing.
    then: Literal["reset", "hang"] = "reset"
    #: An error that is answered in place of Redis, which gets no command.
    refusal: str = ""
    #: Whether new connections are refused from here on.
    deaf: bool = False
    #: Called when the step is over, without the client's knowledge.
    after: Callable[[], Awaitable[object]] = _nothing


class Relay:
    """Use as `async with Relay(port) as relay: relay.steps = [...]`. Without a step, everything passes."""

    def __init__(self, redis_port: int) -> None:
        self._redis_port = redis_port
        self._deaf = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.steps: list[Step] = []

    async def __aenter__(self) -> Self:
        """Listen on `address`."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all connections."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def heal(self) -> None:
        """Let everything pass."""
        self.steps, self._deaf = [], False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            if not self._deaf:
                await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_redis, to_redis = await asyncio.open_connection("127.0.0.1", self._redis_port)
        with contextlib.closing(to_redis):
            while command := await reader.read(65536):
                step = self.steps.pop(0) if b"EVAL" in command and self.steps else Step()
                self._deaf = self._deaf or step.deaf
                if step.refusal:
                    writer.write(f"-{step.refusal}\r\n".encode())
                    continue
                to_redis.write(command[: int(len(command) * step.up)])
                reply = await from_redis.read(65536) if step.up == 1 else b""
                writer.write(reply[: int(len(reply) * step.down)])
                await step.after()
                if step.up < 1 or step.down < 1:
                    if step.then == "hang":
                        await asyncio.Event().wait()
                    return
