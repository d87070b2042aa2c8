"""A server of a cluster that gives the queue's slot away has some of its keys, and no longer all. A script that was
given all its keys is refused there before it does anything."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis as Server

from holdfast.services.api.accept import Acceptor
from holdfast.services.api.candidate import Candidate
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.connections.redis import connect
from holdfast.shared.errors import QueueUnavailable
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import DEAD, WRITERS_GROUP, WRITES
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.writes import keyed
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied
from holdfast.shared.writes.versions import Clock
from tests.integration.test_settled_in_one_step import settler
from tests.servers import PATIENT_REDIS, RedisServer, wait_until
from tests.stream import new_user


async def _known() -> None:
    """The database has nothing that versions would have to be above."""


class _Cluster:
    """Two servers, of which the first has all slots."""

    def __init__(self, servers: list[RedisServer]) -> None:
        self.first, self._second = servers
        self._slot = 0

    def form(self) -> None:
        """Until both know one another."""
        with self.first.client() as first, self._second.client() as second:
            first.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)  # type: ignore[no-untyped-call]
            first.execute_command("CLUSTER", "MEET", "127.0.0.1", self._second.port)  # type: ignore[no-untyped-call]
            self._slot = first.execute_command("CLUSTER", "KEYSLOT", WRITES)  # type: ignore[no-untyped-call]
            wait_until(lambda: _info(first) == _info(second) == ("ok", "2"), what="they know one another")
            self._other = second.execute_command("CLUSTER", "MYID")  # type: ignore[no-untyped-call]

    def move(self, *how: str) -> None:
        """`MIGRATING`, or `STABLE` again."""
        with self.first.client() as first:
            words = [*how, self._other] if how == ("MIGRATING",) else how
            first.execute_command("CLUSTER", "SETSLOT", self._slot, *words)  # type: ignore[no-untyped-call]

    def contents(self) -> dict[bytes, Any]:
        """Everything of the first server, as bytes."""
        with self.first.client() as first:
            return {key: first.dump(key) for key in first.keys("*")}


def _info(client: Server) -> tuple[str, str]:
    answer: Any = client.execute_command("CLUSTER", "INFO")  # type: ignore[no-untyped-call]
    lines = answer if isinstance(answer, dict) else dict(line.split(":") for line in answer.decode().split())
    return lines["cluster_state"], lines["cluster_known_nodes"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[_Cluster]:
    """Formed."""
    servers = []
    for name in "ab":
        folder = tmp_path / name
        folder.mkdir()
        servers.append(RedisServer(folder, "--cluster-enabled", "yes"))
    try:
        for server in servers:
            server.start()
        formed = _Cluster(servers)
        formed.form()
        yield formed
    finally:
        for server in servers:
            server.kill()


@pytest.fixture
async def queue(cluster: _Cluster) -> AsyncIterator[Any]:
    """As services are connected to the first server."""
    redis = connect(cluster.first.address, PATIENT_REDIS)
    yield redis
    await redis.aclose()


async def test_nothing_is_half_done(cluster: _Cluster, queue: Any) -> None:
    """Neither an accept, which makes keys, nor a settle, which deletes them; afterwards both work."""
    floor: Any = SimpleNamespace(tried=_known, read=_known)
    acceptor = Acceptor(queue, Clock(), floor, Breaker("queue"), batch_max=9, key_lifetime_s=60, entity_pending_max=9)
    await queue.xgroup_create(WRITES, WRITERS_GROUP, id="0", mkstream=True)
    await acceptor.accept(new_user())
    given = await queue.xreadgroup(WRITERS_GROUP, "me", {WRITES: ">"})
    [(entry_id, fields)] = given[0][1]
    entry = Entry(entry_id.decode(), fields)
    before = cluster.contents()

    cluster.move("MIGRATING")
    key = "0" * 64
    for candidate in (new_user(), _keyed(key)):
        with pytest.raises(QueueUnavailable):
            await acceptor.accept(candidate)
    write = decode(fields, entry.id)
    settling = asyncio.create_task(settler(queue)([Handled(entry, Delivery(write, entry.id), Applied(write.version))]))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(settling), timeout=1)
    assert cluster.contents() == before

    cluster.move("STABLE")
    await settling
    assert await queue.xlen(WRITES) == 0
    assert (await acceptor.accept(_keyed(key))).result == "accepted"
    assert await queue.exists(DEAD) == 0


def _keyed(key_hash: str) -> Candidate:
    return replace(new_user(), operation_id=keyed.operation_id(key_hash, key_hash), key_hash=key_hash, body_hash="b")
