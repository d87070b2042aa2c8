"""The auditor on real servers: what it reports of the streams, the dead letters and the ledger, and what it reports
when a store is away or has lost data."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.names import DEAD, WRITERS_GROUP, WRITES
from holdfast.shared.queue.streams import Streams, trimmed_unread
from tests import keys, letters
from tests.client import fetch
from tests.processes import QUICK, Service, dlq_admin, writer
from tests.servers import PATIENT_REDIS, Database, RedisServer, wait_until
from tests.stream import Stream, new_user

_MISSING = "holdfast_ledger_missing_writes"
_TRIMMED = 'holdfast_stream_trimmed_unread_entries{stream="writes"}'


@pytest.mark.parametrize(
    ("gone", "pending", "read", "there", "unread"),
    [
        (0, 0, 0, -1, 0),  # nothing was ever there
        (0, 3, 3, -1, 0),  # three delivered, none settled
        (7, 3, 10, -1, 0),  # seven of ten settled
        (5, 3, 3, 0, 2),  # trimmed: three pending entries and two that were never read
        (5, 3, 3, 3, 5),  # five unread entries are trimmed, and the pending ones are still there
        (2, 0, 0, 0, 2),  # a group that has read nothing yet
        (3, 0, -1, -1, None),  # Redis has lost count
        (0, 0, -1, -1, 0),  # Redis has lost count, but no entry is gone
    ],
)
def test_what_was_trimmed_unread(gone: int, pending: int, read: int, there: int, unread: int | None) -> None:
    """The number of entries trimmed unread is exact where Redis knows what was read, and None where it does not."""
    assert trimmed_unread(gone, pending, read, there) == unread


async def test_a_stream_s_life(clean_redis: RedisServer) -> None:
    """Every look at a stream is right while the stream is unused, read and settled in any order, trimmed and
    deleted."""
    client, raw = connect(clean_redis.address, PATIENT_REDIS), clean_redis.client()
    streams = Streams(client)

    async def unread() -> int | None:
        return (await streams.look())["writes"].trimmed_unread

    seen = (await streams.look())["writes"]
    assert seen == (0, 0, None, 0)
    raw.xgroup_create(WRITES, WRITERS_GROUP, "0", mkstream=True)
    ids = [raw.xadd(WRITES, {"at": str(at)}) for at in range(10)]
    assert await unread() == 0
    raw.xreadgroup(WRITERS_GROUP, "one", {WRITES: ">"}, count=6)
    for entry in (ids[4], ids[1]):  # out of order, as batches end
        raw.xack(WRITES, WRITERS_GROUP, entry)
        raw.xdel(WRITES, entry)
    seen = (await streams.look())["writes"]
    assert (seen.entries, seen.pending, seen.trimmed_unread) == (8, 4, 0)
    assert seen.oldest_s == pytest.approx(int(ids[0].split(b"-")[0]) / 1000, abs=0.001)
    raw.xreadgroup(WRITERS_GROUP, "one", {WRITES: ">"}, count=1)
    assert await unread() == 0
    raw.xtrim(WRITES, maxlen=1, approximate=False)
    assert await unread() == 2, "seven were read; of the eighth to tenth one is left"
    raw.xreadgroup(WRITERS_GROUP, "one", {WRITES: ">"}, count=10)
    assert await unread() == 2, "it stays known"
    raw.xdel(WRITES, raw.xadd(WRITES, {"recalled": "unread"}))
    assert await unread() in (2, 3, None), "Redis loses count, and says so"
    raw.delete(WRITES)
    assert (await streams.look())["writes"] == (0, 0, None, 0)
    await client.aclose()
    raw.close()


@pytest.fixture
def admin(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[Service]:
    """A dlq_admin on stores that the test may break, after its first look has found them empty."""
    service = dlq_admin(
        tmp_path, own_redis.address, own_database.dsn,
        HOLDFAST_DLQ_AUDIT_EVERY_S="0.1", HOLDFAST_DB_TIMEOUT_S="2", HOLDFAST_DB_LOCK_WAIT_S="1",
        HOLDFAST_DLQ_READ_TIMEOUT_S="1", HOLDFAST_REDIS_TIMEOUT_S="1", HOLDFAST_DRAIN_S="1",
    ).start()  # fmt: skip
    wait_until(lambda: f"{_MISSING} 0" in fetch("GET", service.metrics_url).text, what="a first look")
    yield service
    service.kill()


def _last(admin: Service, probe: str) -> float:
    return admin.metric(f'holdfast_probe_last_success_timestamp_seconds{{probe="{probe}"}}')


def _stand_still(admin: Service, moving: str, *still: str) -> None:
    """Assert that the last successes of some looks do not change while another look goes on."""
    stood, since = [_last(admin, probe) for probe in still], time.time()
    wait_until(lambda: _last(admin, moving) > since + 0.5, what=f"the look at the {moving} goes on")
    assert [_last(admin, probe) for probe in still] == stood


def _term(admin: Service, term: str) -> float:
    return admin.metric(f'holdfast_ledger_writes{{term="{term}"}}')


def test_it_sees_what_is_there(admin: Service, own_redis: RedisServer, own_database: Database) -> None:
    """The metrics show the backlog, the dead letter and the ledger, and the ledger page shows the writes in flight."""
    began = time.time() - 1  # the timestamp in an entry id is slightly older than the entry
    Stream(own_redis, own_database).accept([new_user() for _ in range(3)])
    with own_redis.client() as client:
        client.xreadgroup(WRITERS_GROUP, "one", {WRITES: ">"}, count=1)
        client.xadd(DEAD, letters.fields())
    wait_until(lambda: _term(admin, "in_flight") == 3, what="the ledger has them")
    wait_until(lambda: admin.metric("holdfast_dead_letters_open") == 1, what="a dead letter")
    wait_until(lambda: admin.metric('holdfast_stream_entries{stream="writes"}') == 3, what="the backlog")
    wait_until(lambda: admin.metric('holdfast_stream_pending_entries{stream="writes"}') == 1, what="one is pending")
    assert began < admin.metric('holdfast_stream_oldest_timestamp_seconds{stream="writes"}') < time.time()
    assert began < admin.metric("holdfast_dead_letters_oldest_timestamp_seconds") < time.time()
    assert admin.metric('holdfast_replay_letters{state="planned"}') == 0
    ledger = fetch("GET", f"{admin.url}/ledger", headers=keys.bearer(keys.VIEWER)).json()["data"]
    assert (ledger["in_flight"], ledger["accepted"] - ledger["accounted"]) == (3, ledger["missing"])
    assert ledger["as_of"]


def test_an_entry_deleted_by_hand_is_missed(admin: Service, own_redis: RedisServer, own_database: Database) -> None:
    """The ledger counts two accepted writes whose entries were deleted as missing, but not the three in flight."""
    Stream(own_redis, own_database).accept([new_user() for _ in range(5)])
    with own_redis.client() as client:
        wait_until(lambda: _term(admin, "in_flight") == 5, what="the ledger has them")
        assert admin.metric(_MISSING) == 0
        client.xdel(WRITES, *[entry for entry, _ in client.xrange(WRITES, count=2)])
    wait_until(lambda: admin.metric(_MISSING) == 2, what="two are missed")
    assert (_term(admin, "accepted"), _term(admin, "in_flight")) == (5, 3)
    wait_until(lambda: '"action": "ledger_moved"' in admin.log.read_text(), what="it is logged")


def test_what_is_trimmed_unread_is_lost(
    admin: Service, own_redis: RedisServer, own_database: Database, tmp_path: Path
) -> None:
    """Behind a writer that settles its entries, trimmed entries are reported only once unread entries are trimmed."""
    stream = Stream(own_redis, own_database)
    reader = writer(tmp_path, own_redis.address, own_database.dsn, **QUICK).start()
    try:
        stream.accept([new_user() for _ in range(20)])
        wait_until(lambda: stream.backlog() == 0, what="settled")
        wait_until(lambda: _term(admin, "applied") == 20, what="the ledger has them")
    finally:
        reader.kill()
    stream.accept([new_user() for _ in range(4)])
    assert admin.metric(_TRIMMED) == 0
    with own_redis.client() as client:
        client.xtrim(WRITES, maxlen=1, approximate=False)
    wait_until(lambda: admin.metric(_TRIMMED) == 3, what="three are lost")


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_without_the_database_its_looks_go_stale(
    admin: Service, own_redis: RedisServer, own_database: Database, how: str
) -> None:
    """Without the database the last values stay, the queue is still seen, and the looks recover without
    intervention."""
    stream = Stream(own_redis, own_database)
    stream.accept([new_user()])
    wait_until(lambda: _term(admin, "in_flight") == 1, what="the ledger has it")
    getattr(own_database, how)()
    stream.accept([new_user()])
    wait_until(lambda: admin.metric('holdfast_stream_entries{stream="writes"}') == 2, what="the queue is seen")
    wait_until(lambda: '"loop": "audit_ledger"' in admin.log.read_text(), what="a look failed")
    _stand_still(admin, "queue", "database", "ledger")
    assert (_term(admin, "in_flight"), admin.metric(_MISSING)) == (1, 0)
    if how == "kill":
        own_database.start()
    own_database.thaw()
    wait_until(lambda: _term(admin, "in_flight") == 2, what="it looks again")
    up = time.time()
    wait_until(lambda: _last(admin, "database") > up, what="here too")


def test_without_the_queue_its_looks_go_stale(admin: Service, own_redis: RedisServer, own_database: Database) -> None:
    """Without the queue the dead letters are still seen, but the ledger, which needs both stores, goes stale."""
    own_redis.kill()
    down = time.time()
    wait_until(lambda: _last(admin, "database") > down + 0.5, what="the letters are seen")
    _stand_still(admin, "database", "queue", "ledger")
    own_redis.start()
    up = time.time()
    wait_until(lambda: min(_last(admin, "queue"), _last(admin, "ledger")) > up, what="it looks again")


def test_without_anything_it_goes_stale_from_the_start(tmp_path: Path) -> None:
    """A look that never succeeded has an age too, and exports no value for what it never saw."""
    began = time.time()
    service = dlq_admin(tmp_path, "127.0.0.1:1", "mysql://nobody:nothing@127.0.0.1:1/none", HOLDFAST_DRAIN_S="1")
    service.start(wait=False)
    try:
        service.wait_until_alive()
        metrics = fetch("GET", service.metrics_url).text
        assert began - 1 < _last(service, "ledger") < time.time()
        assert not [line for line in metrics.splitlines() if line.startswith(("holdfast_ledger", "holdfast_stream"))]
        assert fetch("GET", f"{service.url}/ledger", headers=keys.bearer(keys.VIEWER)).json()["data"] is None
    finally:
        service.kill()
