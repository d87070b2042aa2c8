"""An answer says `applied` only if the change took effect, whatever happened to the queue's clock or memory; and the
ledger agrees."""

import asyncio
import random
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.names import CLOCK, DEAD, DLQ_GROUP, WRITERS_GROUP, WRITES
from holdfast.shared.store.engine import make_engine
from holdfast.shared.writes.ledger import Ledger
from holdfast.shared.writes.versions import from_stream_id, to_stream_id
from tests import processes
from tests.client import WAIT
from tests.integration.test_api_accepts import ADA, error_of
from tests.integration.test_api_with_writer import create
from tests.processes import Service
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer, wait_until

pytestmark = pytest.mark.usefixtures("writer")

HOUR_US, DAY_US = 3_600_000_000, 86_400_000_000


def now_us() -> int:
    """Return the time by the machine's clock, which the queue uses, too."""
    return int(time.time() * 1_000_000)


def ledger(redis_server: RedisServer, database: Database) -> Ledger:
    """Return the current ledger."""

    async def read() -> Ledger:
        redis = connect(redis_server.address, PATIENT_REDIS)
        engine = make_engine(database.dsn, PATIENT_DATABASE, 2)
        try:
            return await read_ledger(redis, engine)
        finally:
            engine.dispose()
            await redis.aclose()

    return asyncio.run(read())


def clock_ahead(redis_server: RedisServer, ahead_us: int) -> None:
    """Leave the state of a queue whose clock was ahead by this much."""
    newest = now_us() + ahead_us
    with redis_server.client() as redis:
        redis.xdel(WRITES, redis.xadd(WRITES, {"left": "behind"}, id=to_stream_id(newest)))
        redis.set(CLOCK, newest)


def lose_memory(redis_server: RedisServer, how: str) -> None:
    """Delete all of the queue's data, or only its clock."""
    with redis_server.client() as redis:
        redis.flushall() if how == "all" else redis.delete(CLOCK)


@pytest.fixture(autouse=True)
def empty_queue(api: httpx.Client, redis_server: RedisServer) -> None:
    """An empty queue with its groups, so that no clock of an earlier test remains and no reader sees a missing
    group."""
    with redis_server.client() as redis, redis.pipeline(transaction=True) as pipeline:
        pipeline.flushall()
        pipeline.xgroup_create(WRITES, WRITERS_GROUP, "0", mkstream=True)
        pipeline.xgroup_create(DEAD, DLQ_GROUP, "0", mkstream=True)
        pipeline.execute()


@pytest.fixture
def fresh_api(tmp_path: Path, api: httpx.Client, redis_server: RedisServer, database: Database) -> Iterator[Service]:
    """An api that the test starts later, after a change to the queue."""
    service = processes.api(tmp_path, redis_server.address, database.dsn, HOLDFAST_INSTANCE="api-fresh")
    yield service
    service.kill()


def changed(client: httpx.Client, path: str, name: str) -> None:
    """Change the name, and check that the answer, the user and the operation all show the change."""
    answer = client.patch(path, json={"name": name}, headers=WAIT)
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "applied"), answer.text
    assert client.get(path).json()["data"]["name"] == name
    operation = client.get(f"/operations/{answer.json()['data']['operation_id']}").json()["data"]
    assert operation["status"] == "applied"


@pytest.mark.parametrize("seed", range(6))
def test_junk_by_hand_harms_nobody(api: httpx.Client, redis_server: RedisServer, database: Database, seed: int) -> None:
    """After entries with ids and versions of any future time are added by hand, every later change is applied, every
    entry is applied or dead-lettered, and none is lost."""
    chance = random.Random(seed)
    path = f"/users/{create(api)['id']}"
    before = ledger(redis_server, database)
    ahead = [0, HOUR_US, DAY_US - 10**7, DAY_US + 10**7, 400 * DAY_US, 170 * 365 * DAY_US, 2**60]
    with redis_server.client() as redis:
        for entry_ahead in sorted(chance.choice(ahead) for _ in range(3)):
            entry_id = to_stream_id(now_us() + entry_ahead)
            version = now_us() + chance.choice(ahead)
            fields = {
                "schema": "1", "command": "CreateUser", "operation_id": str(uuid.uuid4()), "user_id": str(uuid.uuid4()),
                "version": str(version), "payload": f'{{"name": "By hand", "email": "{uuid.uuid4().hex}@example.com"}}',
            }  # fmt: skip
            made = fields if chance.random() < 0.7 else {"junk": "1"}
            newest = redis.xinfo_stream(WRITES)["last-generated-id"].decode()
            if tuple(map(int, newest.split("-"))) < tuple(map(int, entry_id.split("-"))):
                redis.xadd(WRITES, dict(made), id=entry_id)
            changed(api, path, f"Ada {chance.random()}")
        changed(api, path, "Ada at last")
        newest = redis.xinfo_stream(WRITES)["last-generated-id"].decode()
    assert int(newest.split("-")[0]) * 1000 <= now_us() + DAY_US
    wait_until(lambda: ledger(redis_server, database).in_flight == 0, what="all is settled")
    after = ledger(redis_server, database)
    assert after.missing == before.missing, after


@pytest.mark.parametrize("ahead_us", [1, 2 * HOUR_US, DAY_US - 1, 5 * DAY_US])
def test_a_version_newer_than_its_entry_is_not_applied(
    api: httpx.Client, redis_server: RedisServer, database: Database, ahead_us: int
) -> None:
    """An entry whose version is newer than its id is dead-lettered at once with the reason, and the ledger counts
    it."""
    create(api)
    before = ledger(redis_server, database)
    with redis_server.client() as redis:
        dead = redis.xlen(DEAD)
        newest = from_stream_id(redis.xinfo_stream(WRITES)["last-generated-id"].decode())
        entry = max(now_us(), newest + 1)
        redis.xadd(WRITES, {
            "schema": "1", "command": "CreateUser", "operation_id": str(uuid.uuid4()), "user_id": str(uuid.uuid4()),
            "version": str(entry + ahead_us), "payload": '{"name": "Ahead", "email": "ahead@example.com"}',
        }, id=to_stream_id(entry))  # fmt: skip
        wait_until(lambda: redis.xlen(DEAD) == dead + 1, what="dead-lettered")
        [(_, letter)] = redis.xrevrange(DEAD, count=1)
    assert letter[b"error"] == b"the version is newer than its entry"
    after = ledger(redis_server, database)
    assert after.missing == before.missing, after
    assert after.dead_lettered == before.dead_lettered + 1


@pytest.mark.parametrize("how", ["all", "clock"])
@pytest.mark.parametrize("ahead_us", [2 * HOUR_US, 30 * DAY_US])
def test_a_queue_that_lost_its_memory_gives_versions_above_all_rows(
    api: httpx.Client, fresh_api: Service, redis_server: RedisServer, how: str, ahead_us: int
) -> None:
    """After a queue with a clock ahead loses all data or only its clock, a change is applied and shown, both by the
    running api and by an api that was started since."""
    clock_ahead(redis_server, ahead_us)
    path = f"/users/{create(api)['id']}"
    lose_memory(redis_server, how)
    fresh_api.start()
    with fresh_api.client() as client:
        changed(client, path, "By the new one")
        lose_memory(redis_server, how)
        changed(api, path, "By the old one")
        changed(client, path, "By the new one again")


def test_without_clock_and_database_nothing_is_accepted(
    api: httpx.Client, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Without the queue's clock and the database a write gets 503, because its version might be too low. With the
    queue's clock a write is accepted without the database."""
    nowhere = processes.api(tmp_path, redis_server.address, "mysql://nobody:none@127.0.0.1:1/none").start()
    try:
        with nowhere.client() as client:
            create(api)
            assert client.post("/users", json=ADA | {"email": "known@example.com"}).status_code == 202
            wait_until(lambda: api.get("/users?email=known@example.com").json()["data"], what="applied")
            lose_memory(redis_server, "clock")
            refused = client.post("/users", json=ADA | {"email": "unknown@example.com"})
            assert (refused.status_code, error_of(refused)["code"]) == (503, "WRITES_UNAVAILABLE")
            assert int(refused.headers["retry-after"]) > 0
            create(api, email="other@example.com")
            assert client.post("/users", json=ADA | {"email": "again@example.com"}).status_code == 202
    finally:
        nowhere.kill()


def test_what_was_overtaken_says_so(api: httpx.Client, redis_server: RedisServer, database: Database) -> None:
    """When a row has a version ahead of all clocks, a change gets `superseded` in its answer and its operation, with
    the current value of the row."""
    path = f"/users/{create(api)['id']}"
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE users SET name_version = %s", (now_us() + 3650 * DAY_US,))
    before = ledger(redis_server, database)
    answer = api.patch(path, json={"name": "Too late"}, headers=WAIT)
    data = answer.json()["data"]
    assert (answer.status_code, data["status"], data["name"]) == (200, "superseded", "Ada")
    operation = api.get(f"/operations/{data['operation_id']}").json()["data"]
    assert (operation["status"], operation["done"], operation["error"]) == ("superseded", True, None)
    after = ledger(redis_server, database)
    assert (after.applied, after.missing) == (before.applied + 1, before.missing)


@pytest.mark.parametrize("ahead_us", [0, 2 * HOUR_US])
def test_expiry_does_not_depend_on_the_queue(
    api: httpx.Client, writer: Service, redis_server: RedisServer, ahead_us: int
) -> None:
    """A write ends expired after its time limit and is applied within it, even if the queue's clock is ahead."""
    clock_ahead(redis_server, ahead_us)
    writer.freeze()
    try:
        long, short = (
            api.post("/users", json=ADA | {"email": f"{ms}@example.com"}, headers={"X-Expire-After-Ms": ms})
            for ms in ("60000", "300")
        )
        over = now_us() + 300_000
        wait_until(lambda: now_us() > over, what="the time is over")
    finally:
        writer.thaw()
    ends = {}
    for name, accepted in (("long", long), ("short", short)):
        where = accepted.headers["location"]
        wait_until(lambda where=where: api.get(where).json()["data"]["done"], what="ended")  # type: ignore[misc]
        ends[name] = api.get(where).json()["data"]["status"]
    assert ends == {"long": "applied", "short": "expired"}
