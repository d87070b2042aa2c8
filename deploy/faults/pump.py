"""Pump: copies the bytes of one direction of a connection to the other side, subject to the faults in force."""

import asyncio
import random
from collections.abc import Callable, Iterator

from deploy.faults.faults import Way, WayFaults
from deploy.faults.switch import OneClient

_CHUNK_BYTES = 64 * 1024
_CHUNKS_MAX = 64
#: Slices per second when the bandwidth is limited.
_SLICES_PER_S = 20
#: A generator of its own, because tests may seed the shared one.
_chance = random.Random()  # noqa: S311 - jitter, not a secret


class Cut(Exception):
    """Raised when the connection has to be reset."""


class Pump:
    """Pumps one direction. `seen(chunk)` is called with each chunk before it is sent; `taken(chunk)` returns whether an
    incoming chunk is passed on."""

    def __init__(
        self,
        way: Way,
        switch: OneClient,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        seen: Callable[[bytes], None] = lambda _: None,
        taken: Callable[[bytes], bool] = lambda _: True,
    ) -> None:
        self._way: Way = way
        self._switch = switch
        self._reader = reader
        self._writer = writer
        self._seen = seen
        self._taken = taken
        #: Chunks in transit, each with the time at which it is due. An empty chunk is the end.
        self._in_transit: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_MAX)
        self._due = 0.0
        self._let_through = (0, 0)

    async def run(self) -> None:
        """Run until the end of the stream has been passed on. Raises Cut, or what the sockets raise."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._take())
            tasks.create_task(self._bring())

    @property
    def _faults(self) -> WayFaults:
        return self._switch.faults.of(self._way)

    async def _take(self) -> None:
        while chunk := await self._reader.read(_CHUNK_BYTES):
            if self._taken(chunk):
                await self._in_transit.put((self._due_at(), chunk))
        await self._in_transit.put((self._due_at(), b""))

    def _due_at(self) -> float:
        faults = self._faults
        delay_ms = faults.latency_ms + _chance.uniform(-faults.jitter_ms, faults.jitter_ms)
        self._due = max(self._due, _now() + max(0.0, delay_ms) / 1000)
        return self._due

    async def _bring(self) -> None:
        while True:
            due, chunk = await self._in_transit.get()
            await self._until(due)
            if not chunk:
                if self._writer.can_write_eof():
                    self._writer.write_eof()
                return
            self._seen(chunk)
            for slice_, pause_s in slices(chunk, self._faults.bytes_per_s):
                await self._send(slice_)
                if pause_s:
                    await self._switch.change(pause_s)

    async def _until(self, due: float) -> None:
        """Hold a chunk back for as long as the faults in force require, which may change meanwhile."""
        while True:
            if self._faults.blackhole:
                await self._switch.change()
            elif self._faults.latency_ms + self._faults.jitter_ms and (left_s := due - _now()) > 0:
                await self._switch.change(left_s)
            else:
                return

    async def _send(self, data: bytes) -> None:
        await self._until(0)
        limit = self._faults.cut_after_bytes
        if limit is None:
            self._writer.write(data)
            await self._writer.drain()
            return
        generation, before = self._let_through
        if generation != self._switch.generation:
            before = 0
        self._let_through = (self._switch.generation, before + len(data))
        self._writer.write(data[: max(0, limit - before)])
        await self._writer.drain()
        if before + len(data) >= limit:
            raise Cut


def slices(chunk: bytes, bytes_per_s: int) -> Iterator[tuple[bytes, float]]:
    """Yield the chunk in pieces, each with the seconds to wait after it."""
    if not bytes_per_s:
        yield chunk, 0.0
        return
    size = max(1, bytes_per_s // _SLICES_PER_S)
    for start in range(0, len(chunk), size):
        piece = chunk[start : start + size]
        yield piece, len(piece) / bytes_per_s


def _now() -> float:
    return asyncio.get_running_loop().time()
