"""The documented change of the number of partitions, under traffic: no request fails, and no write is lost or applied
twice."""

import os
import signal
import subprocess
import sys
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


def test_it_takes_no_request_along(
    own_redis: RedisServer, own_database: Database, start: Start, tmp_path: Path
) -> None:
    """Writes bypass the queue from the change on; then services with the new number of partitions take over. No request
    fails, and no write is lost or doubled. Before the change, a service with the new number ends at once, and after it,
    one with the old number; the log says why."""
    rotation, record = Rotation(), Record()
    stores = tmp_path, own_redis.address, own_database.dsn
    before = [start("api", 1), start("api", 1)]
    behind = [start("writer", 1), start("dlq_admin", 1)]
    rotation.move([], before)
    first = fetch("POST", f"{before[0].url}/users", json=_USER, headers=_KEY)
    assert first.status_code == 202, first.text
    _is_refused(processes.writer(*stores, "early", HOLDFAST_QUEUE_PARTITIONS="4"), "is 4, but the queue is used in 1")
    with traffic(rotation, record):
        record.wait_for(_BETWEEN)
        _change(own_redis, own_database)
        record.wait_for(_BETWEEN)
        direct = fetch("POST", f"{before[0].url}/users", json={"name": "Bob", "email": "bob@example.com"})
        assert (direct.status_code, direct.json()["meta"].get("way")) == (201, "direct"), direct.text
        for service in behind:
            _end(service)
        start("writer", 4)
        admin = start("dlq_admin", 4)
        after = [start("api", 4), start("api", 4)]
        rotation.move(before, after)
        for api in before:
            _end(api)
        _is_refused(before[0], "is 1, but the queue is used in 4")
        record.wait_for(4 * _BETWEEN)
    again = fetch("POST", f"{after[0].url}/users", json=_USER, headers=_KEY)
    assert again.json()["data"]["operation_id"] == first.json()["data"]["operation_id"]
    wait_until(lambda: _entries(own_redis, _FOUR) == 0, what="all is settled")
    with own_redis.client() as client:
        assert all(client.xinfo_stream(each.writes)["entries-added"] for each in _FOUR)
    assert _entries(own_redis, ONE) == 0
    wait_until(lambda: _missing(admin) == 0, what="the ledger balances")
    assert record.failed == []
    assert _as_in(own_database, record)


def _change(redis: RedisServer, database: Database) -> None:
    """Change the number of partitions to four, as an operator does it."""
    command = [sys.executable, "-m", "holdfast.services.dlq_admin", "partitions", "4"]
    logins = processes.stores_of("dlq_admin", redis.address, database.dsn, {})
    done = subprocess.run(command, env=os.environ | logins, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "HOLDFAST_QUEUE_PARTITIONS=4" in done.stdout


def _is_refused(service: Service, why: str) -> None:
    service.start(wait=False)
    assert service.wait() != 0
    assert f"HOLDFAST_QUEUE_PARTITIONS {why}" in service.log.read_text()


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
    assert len(applied) == len(record.operations) + 2, "and the ones outside the traffic"
    return True
