"""A queue on a Redis Cluster of three primaries with a replica each: every service works on it, the primary of the
queue's slot is killed, and the slot moves. No acknowledged write is lost."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.memory import MemoryReader
from holdfast.shared.queue.names import DEAD, WRITES
from holdfast.shared.writes.epoch import Memory
from tests import keys, letters, processes
from tests.client import WAIT, fetch
from tests.external import PATIENT
from tests.failover.cluster import Cluster, running_cluster
from tests.failover.on_cluster import doubled, replace_owner, settle, starting
from tests.failover.writes import Record, writing
from tests.processes import Service
from tests.servers import PATIENT_REDIS, Database, wait_until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests of this module: each test leaves it whole, with any owner of the slot."""
    with running_cluster(tmp_path_factory.mktemp("cluster"), WRITES) as cluster:
        yield cluster


@pytest.fixture
def start(cluster: Cluster, own_database: Database, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """A function that starts a service on the empty cluster with an empty cache; all services end with the test."""
    with starting(cluster, own_database, tmp_path) as start:
        yield start


def test_every_service_works_on_it(
    cluster: Cluster, own_database: Database, start: Callable[..., Service], tmp_path: Path
) -> None:
    """On a cluster, writes through the queue, waits, reads, a replay of a dead letter and changes of the proxy's
    settings work, and no node refuses a command of a service."""
    api, dlq = start("api", **processes.PATIENT_API, HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S="4"), start("dlq_admin")
    writer = start("writer")
    with api.client(headers=WAIT) as http:
        made = []

        def through_the_queue() -> bool:
            made.append(http.post("/users", json={"name": "Ann", "email": f"{len(made)}@example.com"}))
            return bool(made[-1].json()["meta"].get("way") == "queue")

        wait_until(through_the_queue, what="a write is accepted, and its end is noticed")
        assert {each.status_code for each in made} == {201}
        assert len(http.get("/users").json()["data"]) == len(made)
        assert http.get(made[0].headers["location"]).json()["data"]["name"] == "Ann"
    with cluster.owner().client() as client:
        client.xadd(DEAD, letters.fields())  # type: ignore[arg-type]
        wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")
    operator = {"headers": keys.bearer(keys.OPERATOR)}
    [letter] = fetch("GET", f"{dlq.url}/dlq/letters", **operator).json()["data"]
    wish = {"selection": {"ids": [letter["id"]]}, "reason": "a test", "expected_count": 1, "stop": {"breaker": False}}
    replayed = fetch("POST", f"{dlq.url}/dlq/replays", json=wish, **operator)
    assert replayed.status_code == 200, replayed.text
    at = f"{dlq.url}/dlq/letters/{letter['id']}"

    def shown() -> Any:
        return fetch("GET", at, **operator).json()["data"]

    wait_until(lambda: shown()["state"] != "replaying", what="replayed")
    assert shown()["state"] == "applied", shown()["outcome"]
    address = {"REDIS_ADDR": cluster.address("external_proxy")}
    proxy = processes.external_proxy(tmp_path, "", "http://127.0.0.1:1", PATIENT, **address).start()
    try:
        changed = fetch("PUT", f"{proxy.url}/config", json={"config": {"attempts": 1}, "reason": "a test"}, **operator)
        assert changed.status_code == 200, changed.text
        assert [_refusals(service) for service in (api, writer, dlq, proxy)] == [[]] * 4
    finally:
        proxy.kill()
    assert [node.refused() for node in cluster.nodes] == [[]] * len(cluster.nodes)


def _refusals(service: Service) -> list[str]:
    """Return the calls that the cluster answered with an error, by the service's counters."""
    counters = fetch("GET", service.metrics_url).text.splitlines()
    refused = [line for line in counters if line.startswith("holdfast_loop_failures_total") and '"refused"' in line]
    assert refused
    return [line for line in refused if not line.endswith(" 0.0")]


async def _remembered(cluster: Cluster, look: int) -> Memory:
    """Return what the auditor reads of the queue in the audit of this number."""
    redis = connect(cluster.address("operator"), PATIENT_REDIS)
    try:
        memory = await MemoryReader(redis).read(look=look)
    finally:
        await redis.aclose()
    return memory


def _assert_moved(before: Memory, now: Memory) -> None:
    """Check that the queue is another process, which remembers the first audit and has forgotten no entry."""
    assert now.identity != before.identity
    assert (now.remembered, now.entries >= before.entries) == (1, True)


def test_the_primary_of_its_slot_is_killed(
    cluster: Cluster, own_database: Database, start: Callable[..., Service]
) -> None:
    """When the primary of the queue's slot is killed while no writer runs, its replica has all entries, and no service
    has to be restarted."""
    api, record = start("api"), Record()
    with writing(api, record):
        record.wait_for(10, 202)
        remembered = asyncio.run(_remembered(cluster, 1))
        replace_owner(cluster, record)
        _assert_moved(remembered, asyncio.run(_remembered(cluster, 2)))
        record.wait_for(10, 202)
    start("writer")
    settle(cluster, own_database)
    assert record.lost(own_database) == set()
    assert doubled(own_database) == 0


def test_its_slot_moves(cluster: Cluster, own_database: Database, start: Callable[..., Service]) -> None:
    """While the slot moves under writes with a running writer, writes are accepted, even with half of the keys moved,
    and none is lost or doubled."""
    api, record = start("api"), Record()
    start("writer")
    with writing(api, record):
        record.wait_for(10, 202)
        remembered = asyncio.run(_remembered(cluster, 1))
        to = cluster.other()
        source = cluster.begin_move(to)
        record.wait_for(10)
        cluster.move_keys(source, to)
        record.wait_for(10)
        cluster.end_move(to)
        _assert_moved(remembered, asyncio.run(_remembered(cluster, 2)))
        record.wait_for(10, 202)
    settle(cluster, own_database)
    assert record.lost(own_database) == set()
    assert doubled(own_database) == 0
