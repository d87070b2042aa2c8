"""Open loop: requests leave at their scheduled times, whatever became of the ones before."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any


class Connections:
    """HTTP/1.1 over kept connections, as many as are needed at once; no more of HTTP than our own api needs."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def request(self, method: str, path: str, headers: str = "", body: bytes = b"") -> tuple[int, bytes]:
        """(status, body) of the answer. `headers`: whole lines."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        lines = answer.decode("latin-1").split("\r\n")
        length = next(int(line.partition(":")[2]) for line in lines if line.lower().startswith("content-length:"))
        content = await reader.readexactly(length)
        self._idle.append((reader, writer))
        return int(lines[0].split()[1]), content

    def close(self) -> None:
        """Drop them."""
        for _, writer in self._idle:
            writer.close()


@dataclass(slots=True)
class Schedule:
    """`count` evenly spaced sends, `per_s` a second."""

    per_s: float
    count: int
    #: How late each send began, in seconds: the generator's own fault.
    slips_s: list[float] = field(default_factory=list)

    async def run(self, send: Callable[[int, float], Coroutine[Any, Any, None]]) -> None:
        """Call `send(number, intended time)` for each, at its time; comes back when all are done. Times are Unix."""
        began = time.time() + 0.1
        async with asyncio.TaskGroup() as group:
            for number in range(self.count):
                intended = began + number / self.per_s
                if (early := intended - time.time()) > 0:
                    await asyncio.sleep(early)
                self.slips_s.append(max(0.0, time.time() - intended))
                group.create_task(send(number, intended))
