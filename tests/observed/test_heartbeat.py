"""Heartbeats take the whole way of a write, count as a write in the ledger, change no entity, and never pile up."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.api.backlog import Backlog
from holdfast.services.api.candidate import Candidate
from holdfast.services.api.heartbeat import Heartbeats
from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import connect
from holdfast.shared.letters.what_if.trial import what_if
from holdfast.shared.queue.codec import Undecodable, decode, encode
from holdfast.shared.queue.names import HEARTBEAT
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes.commands import HEARTBEAT_ID, Heartbeat, Write, heartbeat_id
from holdfast.shared.writes.decide import Delivery, Known, decide
from holdfast.shared.writes.outcome import Applied
from holdfast.shared.writes.versions import wall_clock
from tests import processes
from tests.accepting import acceptor
from tests.client import fetch
from tests.processes import QUICK, Service
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer, wait_until
from tests.stream import Stream


def _beat(unix_s: float = 1_764_000_000.0) -> Candidate:
    return Candidate(heartbeat_id(unix_s), HEARTBEAT_ID, Heartbeat())


def test_it_is_a_write_like_any_other_on_the_wire() -> None:
    """A heartbeat is decoded from the wire as it was encoded, and one with a payload is undecodable."""
    write = Write(heartbeat_id(time.time()), HEARTBEAT_ID, Heartbeat(), 1_764_000_000_000_000)
    fields = {name.encode(): value.encode() for name, value in encode(write).items()}
    assert decode(fields) == write
    with pytest.raises(Undecodable):
        decode(fields | {b"payload": b'{"name": "Ann"}'})


def test_it_waits_for_nobody_and_changes_nobody() -> None:
    """A heartbeat is applied at once and changes no entity, even behind another heartbeat that has not ended."""
    write = Write(heartbeat_id(1), HEARTBEAT_ID, Heartbeat(), 7, after=heartbeat_id(0))
    decision = decide([Delivery(write, "1-1")], Known(), lambda _: True, wall_clock())
    assert decision.outcomes == [Applied(7)]
    assert (decision.entities, len(decision.ended)) == ({}, 1)


def test_their_ids_are_apart_from_all_others_and_in_order() -> None:
    """Heartbeat ids sort by time, compared by bytes as in the database, and cannot collide with other operation ids."""
    ids = [heartbeat_id(at) for at in (0, 1.5, 1_764_000_000.001, 1_764_000_000.002, 9_999_999_999)]
    assert ids == sorted(ids)
    assert all("heartbeat-" < each < "heartbeat-:" and len(each) <= 36 for each in ids)


@pytest.fixture
def engine(own_database: Database) -> Iterator[Engine]:
    """An engine on the test's own database."""
    made = make_engine(own_database.dsn, PATIENT_DATABASE, 2)
    yield made
    made.dispose()


class System:
    """An api and a writer on stores that the test may break; the api's heart beats quickly."""

    def __init__(self, api: Service, writer: Service) -> None:
        self.api = api
        self.writer = writer

    def stage(self, stage: str) -> float:
        """Return when the newest heartbeat seen at a stage was accepted."""
        service = self.api if stage == "accepted" else self.writer
        return service.metric(f'holdfast_heartbeat_timestamp_seconds{{stage="{stage}"}}')


@pytest.fixture
def system(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[System]:
    """A running api and writer."""
    at = (tmp_path, own_redis.address, own_database.dsn)
    api = processes.api(*at, HOLDFAST_API_HEARTBEAT_S="0.2")
    writer = processes.writer(*at, **QUICK)
    with processes.running(api, writer):
        yield System(api, writer)


async def test_it_goes_all_the_way_through_an_outage(
    system: System, own_redis: RedisServer, own_database: Database, engine: Engine
) -> None:
    """Heartbeats pass every stage; while the database is down none is committed, and afterwards all stages move again.
    No entry, key or user is left over, and the ledger balances."""
    stages = ("accepted", "consumed", "committed")
    began = time.time()
    wait_until(lambda: all(system.stage(stage) > began for stage in stages), what="every stage moves")
    assert system.stage("committed") <= system.stage("consumed")
    own_database.kill()
    down = time.time()
    wait_until(lambda: system.stage("accepted") > down + 1, what="still accepted")
    assert system.stage("committed") < down + 0.5
    own_database.start()
    up = time.time()
    wait_until(lambda: system.stage("committed") > up, what="committed again")
    users = f"{system.api.url}/users"
    wait_until(lambda: fetch("GET", users).json().get("data") == [], what="a page without anybody")
    assert fetch("GET", f"{system.api.url}/users/{HEARTBEAT_ID}").status_code in (404, 422)
    system.api.stop()
    stream = Stream(own_redis, own_database)
    wait_until(lambda: stream.backlog() == 0, what="nothing is left over")
    with own_redis.client() as client:
        assert client.keys("*user:*") == client.keys("*op:*") == []
    redis = connect(own_redis.address, PATIENT_REDIS)
    ledger = await read_ledger(redis, engine)
    assert (ledger.missing, ledger.applied) == (0, len(stream.ended()))
    await redis.aclose()


class _Pressure:
    """A backlog that the test makes refuse writes or accept them."""

    refuses: int | None = None

    def refusal_s(self, entity_id: str) -> int | None:
        """Return the refusal that the test has set, for any entity."""
        return self.refuses


async def test_one_api_beats_and_only_while_it_makes_sense(clean_redis: RedisServer) -> None:
    """Only one api beats per interval, whichever replica tries, and none beats under back-pressure or behind a
    heartbeat that is stuck."""
    redis, pressure = connect(clean_redis.address, PATIENT_REDIS), _Pressure()
    taking = acceptor(redis)
    unbound: Any = pressure
    backlog: Backlog = unbound
    replicas = [Heartbeats(redis, taking, backlog, every_s=60) for _ in range(3)]
    assert [await each.beat() for each in replicas] == [True, False, False]
    await redis.delete(HEARTBEAT)
    pressure.refuses = 5
    assert not await replicas[0].beat()
    pressure.refuses = None
    assert await replicas[0].beat(), "one that is young is no reason to stop"
    long_ago = int((time.time() - 61) * 1_000_000)
    await redis.delete(HEARTBEAT)
    await redis.hset("{holdfast}:heartbeat:heartbeat", heartbeat_id(1), f"{long_ago} Heartbeat {{}}")
    assert not await replicas[0].beat(), "the way is not free"
    await redis.aclose()


def test_what_if_can_tell_of_one_that_died(own_redis: RedisServer, own_database: Database) -> None:
    """What-if judges a dead-lettered heartbeat like any other write, and the heartbeat after it would not wait for
    it."""
    stream = Stream(own_redis, own_database)
    stream.accept([_beat(), _beat(1_764_000_005.0)])
    with own_redis.client() as client:
        entries = client.xrange("{holdfast}:writes")
    assert entries[1][1][b"after"] == heartbeat_id(1_764_000_000.0).encode()
    made = make_engine(own_database.dsn, PATIENT_DATABASE, 1)
    found = what_if(made, dict(enumerate(fields for _, fields in entries)))
    made.dispose()
    assert {one.verdict.value for one in found.values()} == {"would_apply"}
