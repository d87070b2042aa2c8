"""The queue loses its memory: the ledger names the loss once, and balances from then on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.memory import MemoryReader
from holdfast.shared.queue.names import LOOK, OPERATION, WRITES
from tests import keys, processes
from tests.integration.test_api_accepts import key
from tests.processes import Service
from tests.servers import PATIENT_REDIS, Database, RedisServer, wait_until

_BACKLOG = 12
ASIDE = f"{WRITES}:aside"


@pytest.fixture
def services(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[tuple[Service, Service]]:
    """A running api, and a running dlq_admin that looks every second."""
    at = (tmp_path, own_redis.address, own_database.dsn)
    api, admin = processes.api(*at), processes.dlq_admin(*at, HOLDFAST_DLQ_AUDIT_EVERY_S="1")
    yield api.start(), admin.start()
    api.kill()
    admin.kill()


def _ledger(admin: Service) -> dict[str, Any]:
    with admin.client(headers=keys.bearer(keys.OPERATOR)) as client:
        return dict(client.get("/ledger").json()["data"] or {})


def _queued(client: httpx.Client, count: int) -> list[str]:
    """Return the ids of operations that only the queue holds."""
    operations = []
    while len(operations) < count:
        user = {"name": "Ann", "email": f"{len(operations)}-{key()['Idempotency-Key']}@example.com"}
        answer = client.post("/users", json=user)
        if answer.status_code == 202:
            operations.append(answer.json()["data"]["operation_id"])
    return operations


def _break(queue: RedisServer, how: str) -> None:
    with queue.client() as client:
        if how == "emptied":
            client.flushall()
            return
        # like an older copy: without the newest half of the stream, and with the number of an earlier look
        entries = client.xrange(WRITES)
        client.set(LOOK, int(client.get(LOOK) or 1) - 1)
        for entry_id, fields in entries[len(entries) // 2 :]:
            client.xdel(WRITES, entry_id)
            client.delete(OPERATION + fields[b"operation_id"].decode())
        half = len(entries) // 2
        client.execute_command("XSETID", WRITES, entries[half - 1][0], "ENTRIESADDED", half, "MAXDELETEDID", "0-0")


@pytest.mark.parametrize("how", ["emptied", "went_back"])
def test_the_ledger_names_the_loss(
    services: tuple[Service, Service], own_redis: RedisServer, own_database: Database, tmp_path: Path, how: str
) -> None:
    """A backlog lost without a writer is counted as lost, each of its operations reports that, and writes go on."""
    api, admin = services
    with api.client() as client:
        operations = _queued(client, _BACKLOG)
        wait_until(lambda: _ledger(admin).get("in_flight") == _BACKLOG, what="the ledger has the backlog")
        with own_database.connect() as connection, connection.cursor() as cursor:

            def kept() -> bool:
                cursor.execute("SELECT accepted FROM queue_epochs")
                return cursor.fetchall() == ((_BACKLOG,),)

            wait_until(kept, what="it was kept")
        _break(own_redis, how)
        lost = _BACKLOG if how == "emptied" else _BACKLOG - _BACKLOG // 2
        wait_until(lambda: _ledger(admin).get("lost") == lost, what="the ledger names the loss")
        wait_until(lambda: _ledger(admin)["missing"] == 0, what="it balances")
        states = [client.get(f"/operations/{each}").json()["data"]["status"] for each in operations]
        assert sorted(states) == sorted(["lost"] * lost + ["queued"] * (_BACKLOG - lost))
        _queued(client, 3)
    writer = processes.writer(tmp_path, own_redis.address, own_database.dsn, **processes.QUICK).start()
    after = _BACKLOG - lost + 3
    wait_until(lambda: _ledger(admin)["applied"] == after, what="what is there is applied")
    ledger = _ledger(admin)
    assert (ledger["missing"], ledger["lost"], ledger["accepted"]) == (0, lost, after + lost)
    assert (ledger["epoch"], ledger["in_flight"]) == (2, 0)
    assert admin.log.read_text().count('"action": "queue_epoch_began"') == 1
    assert f'"cause": "{how}"' in admin.log.read_text()
    writer.kill()


def test_a_partition_that_had_no_write_takes_one_without_the_database(
    own_redis: RedisServer, own_database: Database, tmp_path: Path
) -> None:
    """Once the auditor has looked, every partition knows the highest version and takes a write without the database."""
    at = (tmp_path, own_redis.address, own_database.dsn)
    four = {"HOLDFAST_QUEUE_PARTITIONS": "4"}
    api = processes.api(*at, HOLDFAST_API_HEARTBEAT_S="0", **four)
    admin = processes.dlq_admin(*at, HOLDFAST_DLQ_AUDIT_EVERY_S="1", **four)
    try:
        api.start()
        admin.start()
        wait_until(lambda: _ledger(admin), what="the auditor has looked")
        own_database.kill()
        with api.client() as client:
            users = [{"name": "Ann", "email": f"{number}@example.com"} for number in range(40)]
            assert {client.post("/users", json=user, headers=key()).status_code for user in users} == {202}
    finally:
        api.kill()
        admin.kill()


async def test_another_stream_in_its_place_remembers_no_look(clean_redis: RedisServer) -> None:
    """A stream that was renamed, or deleted and made anew, or restored, remembers no look until it has been looked at,
    whatever has been added to it since. A stream that was cleared, or given entries of the future, remembers looks."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    memory = MemoryReader(redis)
    with clean_redis.client() as client:
        client.xadd(WRITES, {"x": "1"})
        await memory.read(look=1)
        client.rename(WRITES, ASIDE)
        client.xadd(WRITES, {"x": "1"})
        await memory.read(look=2)
        client.xtrim(WRITES, maxlen=0)
        assert (await memory.read()).remembered == 2
        client.rename(ASIDE, WRITES)
        for _ in range(5):
            client.xadd(WRITES, {"x": "1"})
        assert (await memory.read()).remembered == 0
        await memory.read(look=3)
        assert (await memory.read()).remembered == 3
        client.xadd(WRITES, {"x": "1"}, id=f"{2**50}-0")
        await memory.read(look=4)
        assert (await memory.read()).remembered == 4
        older = client.dump(WRITES)
        client.xadd(WRITES, {"x": "1"})
        await memory.read(look=5)
        client.restore(WRITES, 0, older, replace=True)
        assert (await memory.read()).remembered == 0
        for _ in range(2):
            client.execute_command("DEL", WRITES)
            assert (await memory.read()).remembered == 0
            client.xadd(WRITES, {"x": "1"})
        assert (await memory.read()).remembered == 0
    await redis.aclose()


async def test_a_look_is_stored_in_the_stream_that_was_counted(clean_redis: RedisServer) -> None:
    """If another stream is put in place of the one that was counted, the number of the look is stored nowhere."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    memory = MemoryReader(redis)
    with clean_redis.client() as client:
        client.xadd(WRITES, {"x": "1"})
        await memory.read(look=1)
        counted = await memory.read()
        client.rename(WRITES, ASIDE)
        client.xadd(WRITES, {"x": "1"})
        assert (await memory.read(look=2, places=counted.places)).places != counted.places
        client.rename(ASIDE, WRITES)
        assert (await memory.read()).remembered == 1
    await redis.aclose()


async def test_a_look_asks_once_which_server_it_is(clean_redis: RedisServer) -> None:
    """A look asks which server it is on exactly once, in the script that looks, so no other server can answer in
    between."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    with clean_redis.client() as client:
        server, history = client.info("server")["run_id"], client.info("replication")["master_replid"]
        client.config_resetstat()
        memory = await MemoryReader(redis).read(look=3)
        asked = client.info("commandstats")["cmdstat_info"]["calls"]
    await redis.aclose()
    assert (memory.identity, memory.latest, asked) == (f"{server}:{history}", 0, 1)
