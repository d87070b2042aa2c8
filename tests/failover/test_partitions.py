"""A queue of four partitions on a Redis Cluster of three primaries with a replica each: every service works on all of
them, a primary is killed, and a slot moves. No acknowledged write is lost."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.shared.connections.redis import connect, text
from holdfast.shared.queue.partitions import Partition, Partitions
from tests import keys, letters, processes
from tests.client import WAIT, fetch
from tests.failover.cluster import Cluster, running_cluster
from tests.failover.on_cluster import doubled, replace_owner, settle, starting
from tests.failover.writes import Record, writing
from tests.processes import Service
from tests.servers import PATIENT_REDIS, Database, wait_until

_FOUR = Partitions(4)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Of one of the partitions the slot is looked at."""
    others_serve = ("--cluster-require-full-coverage", "no")
    with running_cluster(tmp_path_factory.mktemp("partitions"), _FOUR[2].writes, *others_serve) as cluster:
        yield cluster


@pytest.fixture
def start(cluster: Cluster, own_database: Database, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a service on the cluster, which is empty; all of them end with the test."""
    with starting(cluster, own_database, tmp_path, HOLDFAST_QUEUE_PARTITIONS="4") as start:
        yield start


def test_every_service_works_on_all_of_them(cluster: Cluster, start: Callable[..., Service]) -> None:
    """Users of every partition are written and read; a letter of each is indexed and replayed; no node refuses
    anything."""
    api = start("api", **processes.PATIENT_API, HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S="4")
    dlq = start("dlq_admin")
    start("writer")
    seen: set[int] = set()
    with api.client(headers=WAIT) as http:
        for number in range(60):
            made = http.post("/users", json={"name": "Ann", "email": f"{number}@example.com"})
            assert (made.status_code, made.json()["meta"]["way"]) == (201, "queue")
            seen.add(_FOUR.of(made.json()["data"]["id"]).number)
            if len(seen) == 4:
                break
        assert seen == {0, 1, 2, 3}
        assert http.get(made.headers["location"]).json()["data"]["name"] == "Ann"
        again = http.post("/users", json={"name": "Bob", "email": "0@example.com"})
        assert again.status_code == 409
    streams = asyncio.run(_bury_one_each(cluster))
    wait_until(lambda: asyncio.run(_lengths(cluster, streams)) == [0] * 4, what="all letters are indexed")
    operator = {"headers": keys.bearer(keys.OPERATOR)}
    at = f"{dlq.url}/dlq/letters"
    ids = [letter["id"] for letter in fetch("GET", at, **operator).json()["data"]]
    wish = {"selection": {"ids": ids}, "reason": "a test", "expected_count": 4}
    replayed = fetch("POST", f"{dlq.url}/dlq/replays", json=wish, **operator)
    assert replayed.status_code == 200, replayed.text

    def states() -> list[str]:
        return [fetch("GET", f"{at}/{each}", **operator).json()["data"]["state"] for each in ids]

    wait_until(lambda: "replaying" not in states(), what="all are replayed")
    assert states() == ["applied"] * 4
    assert [node.refused() for node in cluster.nodes] == [[]] * len(cluster.nodes)


async def _bury_one_each(cluster: Cluster) -> list[str]:
    redis = connect(cluster.address("operator"), PATIENT_REDIS)
    try:
        for partition in _FOUR:
            fields: Any = letters.fields(name=f"Ann{partition.number}")
            await redis.xadd(partition.dead, fields)
    finally:
        await redis.aclose()
    return [partition.dead for partition in _FOUR]


async def _lengths(cluster: Cluster, streams: list[str]) -> list[int]:
    redis = connect(cluster.address("operator"), PATIENT_REDIS)
    try:
        return [int(await redis.xlen(stream)) for stream in streams]
    finally:
        await redis.aclose()


def test_a_primary_is_killed(cluster: Cluster, own_database: Database, start: Callable[..., Service]) -> None:
    """While no writer takes what is queued: its replica has all of it, and nothing has to be restarted."""
    api, record = start("api"), Record()
    with writing(api, record):
        record.wait_for(20, 202)
        replace_owner(cluster, record)
        record.wait_for(20, 202)
    start("writer")
    settle(cluster, own_database, _FOUR)
    assert record.lost(own_database) == set()
    assert doubled(own_database) == 0


def test_a_shard_is_away(cluster: Cluster, own_database: Database, start: Callable[..., Service]) -> None:
    """A primary and its replica are down. Writes to its partitions go to the database; those to the others are queued,
    applied and settled as ever, and only the breakers of its partitions open. When it is back nothing is left over."""
    api, record = start("api"), Record()
    start("writer")
    away = [each for each in _FOUR if cluster.of(each.writes).owner() is cluster.owner()]
    others = [each for each in _FOUR if each not in away]
    with writing(api, record):
        record.wait_for(40, 202)
        killed = cluster.kill_shard()
        wait_until(lambda: _open(api) == {f"queue_{each.number}" for each in away}, what="its breakers open")
        record.wait_for(20, 201)
        record.wait_for(100, 202)
        newest = asyncio.run(_newest(cluster, others))
        wait_until(lambda: asyncio.run(_settled_up_to(cluster, newest)), what="the others' writes are settled")
        assert _open(api) == {f"queue_{each.number}" for each in away}
        for node in killed:
            node.start()
        cluster.wait_until_whole()
        wait_until(lambda: not _open(api), what="all breakers are closed")
        record.wait_for(40, 202)
    settle(cluster, own_database, _FOUR)
    assert record.lost(own_database) == set()
    assert doubled(own_database) == 0


def _open(api: Service) -> set[str]:
    """The queue's breakers that are not closed."""
    checks = fetch("GET", f"{api.url}/health").json()["data"]["checks"]
    return {name for name, check in checks.items() if name.startswith("queue_") and not check["ok"]}


async def _newest(cluster: Cluster, partitions: list[Partition]) -> dict[Partition, str]:
    """The newest entry of each."""
    redis = connect(cluster.address("operator"), PATIENT_REDIS)
    try:
        found = {each: await redis.xinfo_stream(each.writes) for each in partitions}
    finally:
        await redis.aclose()
    return {each: text(info["last-generated-id"]) for each, info in found.items()}


async def _settled_up_to(cluster: Cluster, newest: dict[Partition, str]) -> bool:
    redis = connect(cluster.address("operator"), PATIENT_REDIS)
    try:
        return not any([await redis.xrange(each.writes, "-", last, count=1) for each, last in newest.items()])
    finally:
        await redis.aclose()


def test_a_slot_moves(cluster: Cluster, own_database: Database, start: Callable[..., Service]) -> None:
    """Under writes, with a writer that follows."""
    api, record = start("api"), Record()
    start("writer")
    with writing(api, record):
        record.wait_for(20, 202)
        to = cluster.other()
        source = cluster.begin_move(to)
        record.wait_for(10)
        cluster.move_keys(source, to)
        record.wait_for(10)
        cluster.end_move(to)
        record.wait_for(20, 202)
    settle(cluster, own_database, _FOUR)
    assert record.lost(own_database) == set()
    assert doubled(own_database) == 0
