"""Accepted means that the queue's replicas have the write, if the api has to wait for them, whatever the state of the
network to them."""

import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from deploy.faults.faults import Faults
from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.services.dlq_admin.replays.held import Held
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.shared.connections.redis import connect
from holdfast.shared.connections.replicas import Replicas, TooFewReplicas
from holdfast.shared.queue.names import LEDGER, WRITES
from holdfast.shared.store.engine import make_engine
from tests import processes
from tests.faults.rig import AWAY, SILENT
from tests.integration.test_api_accepts import key
from tests.letters import letter
from tests.replays.test_sending import chosen
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer, wait_until
from tests.threaded_proxy import FaultProxy

#: How the primary's replica is reached.
WAYS = {"well": Faults(), "late": Faults.both(latency_ms=20), "not": AWAY, "silent": SILENT}
_CHANCE = random.Random()
_WRITES_EACH = 6

#: A write whose replicas are late goes to the database soon.
SOON = {
    "HOLDFAST_QUEUE_REPLICAS": "1",
    "HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S": "0.4",
    "HOLDFAST_API_BREAKER_OPEN_S": "0.3",
}


class Pair:
    """A primary, its replica, and the connection between them."""

    def __init__(self, primary: RedisServer, replica: RedisServer, way: FaultProxy) -> None:
        self.primary = primary
        self.replica = replica
        self.way = way

    def operations(self) -> set[str]:
        """Return the ids of the operations on the replica's stream."""
        with self.replica.client() as client:
            return {fields[b"operation_id"].decode() for _, fields in client.xrange(WRITES)}

    def wait_until_linked(self) -> None:
        """Wait until the replica has what the primary has."""
        with self.primary.client() as client:
            wait_until(lambda: client.wait(1, 100) == 1, what="the replica follows")


@contextmanager
def replica_of(port: int, folder: Path) -> Iterator[RedisServer]:
    """Run a replica of the Redis on this port of the machine."""
    folder.mkdir()
    replica = RedisServer(folder, "--replicaof", "127.0.0.1", str(port), "--repl-timeout", "5")
    replica.start()
    try:
        yield replica
    finally:
        replica.kill()


@pytest.fixture
def pair(own_redis: RedisServer, tmp_path: Path) -> Iterator[Pair]:
    """A linked and empty pair."""
    with own_redis.client() as client:
        client.config_set("repl-diskless-sync-delay", 0)
    with FaultProxy("127.0.0.1", own_redis.port) as way, replica_of(way.port, tmp_path / "replica") as replica:
        pair = Pair(own_redis, replica, way)
        pair.wait_until_linked()
        yield pair


def _write(client: httpx.Client) -> httpx.Response:
    user = {"name": "Ann", "email": f"{uuid.uuid4().hex}@example.com"}
    return client.post("/users", json=user, headers=key())


async def test_no_accepted_write_is_on_the_primary_alone(pair: Pair, own_database: Database, tmp_path: Path) -> None:
    """Each write answered with 202 is on the replica by then, and each other one is in the database. If such a write
    was also left on the stream, that is a second copy, which the ledger knows of."""
    at = (pair.primary.address, own_database.dsn)
    api = processes.api(tmp_path, *at, **SOON).start()
    operations: set[str] = set()
    direct = 0
    with api.client() as client:
        wait_until(lambda: _write(client).status_code == 202, what="the queue takes a write")
        for way in [*_CHANCE.sample(list(WAYS), len(WAYS)), "not"]:
            pair.way.set(WAYS[way])
            for _ in range(_WRITES_EACH):
                answer = _write(client)
                assert answer.status_code in (201, 202), answer.text
                data = answer.json()["data"]
                operations.add(data["operation_id"])
                direct += answer.status_code == 201
                assert answer.status_code == 201 or data["operation_id"] in pair.operations()
        checks = client.get("/health").json()["data"]["checks"]
        assert not (checks["queue_replicas"]["ok"] and checks["loops"]["ok"]), checks
        assert direct >= _WRITES_EACH
        assert "of 1 replicas had the write in time" in api.log.read_text()
        assert api.metric("holdfast_accepts_unreplicated_total") > 0
        pair.way.heal()
        wait_until(lambda: _write(client).status_code == 202, what="the queue takes writes again")
    writer = processes.writer(tmp_path, *at, **processes.QUICK).start()
    redis, engine = connect(pair.primary.address, PATIENT_REDIS), make_engine(own_database.dsn, PATIENT_DATABASE, 2)
    with pair.primary.client() as client:
        wait_until(lambda: client.xlen(WRITES) == 0, what="all is settled")
    ledger = await read_ledger(redis, engine)
    assert ledger.missing == 0
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT operation_id FROM operations WHERE effect <> 'rejected'")
        assert operations <= {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT COUNT(*), COUNT(DISTINCT id) FROM users")
        assert cursor.fetchone() == (ledger.applied, ledger.applied)
    await redis.aclose()
    engine.dispose()
    writer.kill()
    api.kill()


async def test_a_letter_is_sent_when_a_replica_has_its_entry(clean_redis: RedisServer) -> None:
    """A dead letter does not count as sent unless a replica has its entry, and sending it once more leads to the same
    entry."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    batch = [chosen(letter(n, name=f"N{n}"), n) for n in range(3)]
    with pytest.raises(TooFewReplicas, match="0 of 1 replicas"):
        await Sender(redis, Replicas(1, 0.05)).send(1, batch, Held())
    sent = await Sender(redis).send(1, batch, Held())
    assert len({one.entry_id for one in sent}) == len(batch) == await redis.xlen(WRITES)
    assert await redis.hget(LEDGER, "replayed") == b"3"
    await redis.aclose()


async def test_a_connection_that_is_made_again_asks_anew(own_redis: RedisServer) -> None:
    """A connection that is opened again asks anew whether the server has WAITAOF, because it may be another server."""
    redis = connect(own_redis.address, PATIENT_REDIS)
    connection = await redis.connection_pool.get_connection()
    connection.has_waitaof = True
    await connection.disconnect()
    await connection.connect()
    assert connection.has_waitaof is None
    await redis.connection_pool.release(connection)
    await redis.aclose()
