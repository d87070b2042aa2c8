"""Clusters under contract: the model, and three real processes. In each cluster, one slot moves from one server to
another."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hiredis
from redis.crc import key_slot

from tests.failover.cluster import ask, running_cluster
from tests.models.redis.cluster import Cluster
from tests.models.redis_server import RedisModel, listening
from tests.ports import free_port

#: A key of the slot that moves, and a key of a slot that the target has from the beginning.
KEY, OF_TARGET = "{t}:a", "{b}:a"


class Line:
    """A connection to one server. `names`: the addresses of all servers, as texts, and the names that replace them."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, names: Mapping[str, str]) -> None:
        self._reader, self._writer, self._names = reader, writer, names
        self._replies = hiredis.Reader()

    async def send(self, *words: str) -> Any:
        """Send a command and return the reply. An error is returned as text, with names in place of addresses."""
        self._writer.write(hiredis.pack_command(words))
        return await self.receive()

    async def receive(self) -> Any:
        """Return the next reply or message."""
        while (reply := self._replies.gets()) is False:
            self._replies.feed(await self._reader.read(1 << 16))
        if not isinstance(reply, hiredis.ReplyError):
            return reply
        text = str(reply)
        for address, name in self._names.items():
            text = text.replace(address, name)
        return text

    def close(self) -> None:
        """Close the socket."""
        self._writer.close()


@dataclass
class Subject:
    """A cluster as its clients see it, with a connection to each server: `source`, which has the slot, `target`, to
    which it moves, and `other`. `clear`, `begin_move`, `move` and `end_move`, with all keys, are the steps of an
    operator. `go_back` moves the slot back to `source` and, at once, the slot of OF_TARGET to `other`; servers without
    a part in a move learn of it afterwards."""

    source: Line
    target: Line
    other: Line
    clear: Callable[[], None]
    begin_move: Callable[[], None]
    move: Callable[[str], None]
    end_move: Callable[[], None]
    go_back: Callable[[], None]


async def _subject(addresses: Sequence[str], **steps: Callable[..., None]) -> Subject:
    names = dict(zip(addresses, ("source", "target", "other"), strict=True))
    lines = []
    for address in addresses:
        host, port = address.split(":")
        line = Line(*await asyncio.open_connection(host, int(port)), names)
        lines.append(line)
    return Subject(*lines, **steps)


@asynccontextmanager
async def model() -> AsyncIterator[Subject]:
    """Yield three servers of the model, behind sockets."""
    servers = {("127.0.0.1", free_port()): RedisModel(time.time) for _ in range(3)}
    cluster, slot = Cluster(servers), key_slot(KEY.encode())
    places = {server: "{}:{}".format(*place) for place, server in servers.items()}
    source = cluster.owner(slot)
    target, other = (server for server in cluster.servers if server is not source)

    def go_back() -> None:
        for moved, to in ((slot, source), (key_slot(OF_TARGET.encode()), other)):
            cluster.begin_move(moved, to)
            cluster.end_move(moved)
        cluster.hear()

    async with AsyncExitStack() as stack:
        for (_, port), server in servers.items():
            await stack.enter_async_context(listening(server, port))
        subject = await _subject(
            [places[each] for each in (source, target, other)],
            clear=lambda: [server.space.clear() for server in cluster.servers],
            begin_move=lambda: cluster.begin_move(slot, target), move=lambda key: cluster.move([key.encode()]),
            end_move=lambda: (cluster.end_move(slot), cluster.hear()), go_back=go_back,
        )  # fmt: skip
        for line in (subject.source, subject.target, subject.other):
            stack.callback(line.close)
        yield subject


@asynccontextmanager
async def real(folder: Path) -> AsyncIterator[Subject]:
    """Yield a cluster of three real processes."""
    with running_cluster(folder, KEY, replicas=0) as cluster:
        source, target = cluster.owner(), cluster.other()
        other = next(node for node in cluster.nodes if node not in (source, target))

        def move(key: str) -> None:
            ask(source, "MIGRATE", "127.0.0.1", target.port, key, 0, 60_000)

        def end_move() -> None:
            cluster.move_keys(source, target)
            cluster.end_move(target)

        def go_back() -> None:
            moves = ((cluster, source), (cluster.of(OF_TARGET), other))
            for moved, to in moves:
                moved.begin_move(to)
                moved.move_keys(target, to)
                moved.end_move(to, target)
            for moved, _ in moves:
                moved.wait_until_moved(target)

        subject = await _subject(
            [f"127.0.0.1:{node.port}" for node in (source, target, other)], clear=cluster.empty,
            begin_move=lambda: cluster.begin_move(target), move=move, end_move=end_move, go_back=go_back,
        )  # fmt: skip
        yield subject
        for line in (subject.source, subject.target, subject.other):
            line.close()
