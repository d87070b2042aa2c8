"""The documented change of the number of partitions, under traffic: no request fails, and no write is lost or applied
twice."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from holdfast.shared.queue.partitions import ONE, Partitions
from tests import keys, processes
from tests.client import fetch
from tests.processes import Service
from tests.servers import Database, RedisServer, wait_until
from tests.upgrade.traffic import Record, Rotation, traffic

_FOUR = Partitions(4)
_BETWEEN = 30
_USER = {"name": "Ann", "email": "ann@example.com"}
_KEY = {"Idempotency-Key": "sent-before-and-after"}

Start = Callable[[str, int], Service]


@pytest.fixture
def start(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[Start]:
    """A function that starts a service for a number of partitions; all services end with the test."""
    with ExitStack() as stack:
        names = iter(range(100))

        def start(kind: str, count: int) -> Service:
            more = {"api": processes.PATIENT_API, "writer": processes.QUICK, "dlq_admin": {}}[kind]
            own = {"HOLDFAST_QUEUE_PARTITIONS": str(count), "HOLDFAST_INSTANCE": f"{kind}-{next(names)}"}
            make = getattr(processes, kind)
            service: Service = make(tmp_path, own_redis.address, own_database.dsn, **more, **own).start()
            stack.callback(service.kill)
            wait_until(service.ready, what=f"{kind} is ready")
            return service

        yield start


def test_it_takes_no_request_along(own_redis: RedisServer, own_database: Database, start: Start) -> None:
    """Writes bypass the queue while it empties; then services with the new number of partitions take over. No request
    fails, and no write is lost or doubled."""
    rotation, record = Rotation(), Record()
    before = [start("api", 1), start("api", 1)]
    behind = [start("writer", 1), start("dlq_admin", 1)]
    rotation.move([], before)
    first = fetch("POST", f"{before[0].url}/users", json=_USER, headers=_KEY)
    assert first.status_code == 202, first.text
    with traffic(rotation, record):
        record.wait_for(_BETWEEN)
        _override(before[0])
        wait_until(lambda: all(_is_around(api) for api in before), what="both go around the queue")
        wait_until(lambda: _entries(own_redis, ONE) == 0, what="the queue is empty")
        record.wait_for(_BETWEEN)
        for service in behind:
            _end(service)
        start("writer", 4)
        admin = start("dlq_admin", 4)
        after = [start("api", 4), start("api", 4)]
        rotation.move(before, after)
        for api in before:
            _end(api)
        record.wait_for(4 * _BETWEEN)
    again = fetch("POST", f"{after[0].url}/users", json=_USER, headers=_KEY)
    assert again.json()["data"]["operation_id"] == first.json()["data"]["operation_id"]
    wait_until(lambda: _entries(own_redis, _FOUR) == 0, what="all is settled")
    with own_redis.client() as client:
        assert all(client.xinfo_stream(each.writes)["entries-added"] for each in _FOUR)
    wait_until(lambda: _missing(admin) == 0, what="the ledger balances")
    assert record.failed == []
    assert _as_in(own_database, record)


def test_it_is_refused_while_entries_wait(
    own_redis: RedisServer, own_database: Database, start: Start, tmp_path: Path
) -> None:
    """While entries wait in the queue, a service with another number of partitions ends at once, and its log says
    why."""
    api = start("api", 1)
    assert fetch("POST", f"{api.url}/users", json=_USER).status_code == 202
    writer = processes.writer(tmp_path, own_redis.address, own_database.dsn, HOLDFAST_QUEUE_PARTITIONS="4")
    writer.start(wait=False)
    assert writer.wait() != 0
    assert "HOLDFAST_QUEUE_PARTITIONS is 4, but the queue holds" in writer.log.read_text()


def test_an_api_of_the_number_before_queues_nothing_more(start: Start, own_redis: RedisServer) -> None:
    """An api with the earlier number of partitions, which nobody made bypass the queue, applies its writes itself once
    a service with another number has started: no writer would ever read them."""
    api = start("api", 1)
    start("writer", 4)
    sent = fetch("POST", f"{api.url}/users", json=_USER)
    assert (sent.status_code, sent.json()["meta"].get("way")) == (201, "direct"), sent.text
    assert _entries(own_redis, ONE) == 0


def _override(api: Service) -> None:
    """Keep the queue's breaker open in every api, by the order of an operator."""
    wish = {"action": "force_open", "reason": "a change of partitions", "for_s": 600.0}
    ordered = fetch(
        "POST", f"{api.url}/circuit-breaker/api/queue/override", json=wish, headers=keys.bearer(keys.OPERATOR)
    )
    assert ordered.status_code == 200, ordered.text


def _is_around(api: Service) -> bool:
    return not fetch("GET", f"{api.url}/health").json()["data"]["checks"]["queue"]["ok"]


def _entries(redis: RedisServer, partitions: Partitions) -> int:
    with redis.client() as client:
        return sum(client.xlen(each.writes) + client.xlen(each.dead) for each in partitions)


def _end(service: Service) -> None:
    service.send(signal.SIGTERM)
    service.wait()


def _missing(admin: Service) -> int | None:
    read = fetch("GET", f"{admin.url}/ledger", headers=keys.bearer(keys.OPERATOR)).json().get("data")
    return int(read["missing"]) if read else None


def _as_in(database: Database, record: Record) -> bool:
    """Return whether each acknowledged write was applied, no other write was, and each user is as its last write left
    it."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT operation_id FROM operations WHERE effect = 'applied' AND resource = 'users'")
        applied = {row[0] for row in cursor.fetchall()}
        cursor.execute("SELECT id, name, deleted_version > 0 FROM users")
        users = {row[0]: None if row[2] else row[1] for row in cursor.fetchall()}
    wrong = {user: name for user, name in record.users.items() if users.get(user, "") != name}
    assert (record.operations - applied, wrong) == (set(), {})
    assert len(applied) == len(record.operations) + 1, "and the one of the key"
    return True
