"""A server of a cluster whose slot is moving away has only some of the slot's keys. A script that was given all its
keys is refused there before it does anything."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.api.candidate import Candidate
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.connections.redis import connect
from holdfast.shared.errors import QueueUnavailable
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import DEAD, WRITERS_GROUP, WRITES
from holdfast.shared.writes import keyed
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied
from tests.accepting import acceptor
from tests.failover.cluster import Cluster, running_cluster
from tests.integration.test_settled_in_one_step import settler
from tests.servers import PATIENT_REDIS
from tests.stream import new_user


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of three primaries."""
    with running_cluster(tmp_path, WRITES, replicas=0) as cluster:
        yield cluster


def _contents(cluster: Cluster) -> dict[bytes, Any]:
    """Return all keys of the slot's owner, with their values as bytes."""
    with cluster.owner().client() as client:
        return {key: client.dump(key) for key in client.keys("*")}


@pytest.fixture
async def queue(cluster: Cluster) -> AsyncIterator[Any]:
    """A connection as services have it."""
    redis = connect(cluster.address("operator"), PATIENT_REDIS)
    yield redis
    await redis.aclose()


async def test_nothing_is_half_done(cluster: Cluster, queue: Any) -> None:
    """While a slot moves, neither an accept, which makes keys, nor a settle, which deletes them, is half done, and both
    work afterwards."""
    taking = acceptor(queue)
    await queue.xgroup_create(WRITES, WRITERS_GROUP, id="0", mkstream=True)
    await taking.accept(new_user())
    given = await queue.xreadgroup(WRITERS_GROUP, "me", {WRITES: ">"})
    [(entry_id, fields)] = given[0][1]
    entry = Entry(entry_id.decode(), fields)
    before = _contents(cluster)

    source = cluster.begin_move(cluster.other())
    key = "0" * 64
    for candidate in (new_user(), _keyed(key)):
        with pytest.raises(QueueUnavailable):
            await taking.accept(candidate)
    write = decode(fields, entry.id)
    settling = asyncio.create_task(settler(queue)([Handled(entry, Delivery(write, entry.id), Applied(write.version))]))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(settling), timeout=1)
    assert _contents(cluster) == before

    cluster.stop_move(source)
    await settling
    assert await queue.xlen(WRITES) == 0
    assert (await taking.accept(_keyed(key))).result == "accepted"
    assert await queue.exists(DEAD) == 0


def _keyed(key_hash: str) -> Candidate:
    return replace(new_user(), operation_id=keyed.operation_id(key_hash, key_hash), key_hash=key_hash, body_hash="b")
