"""The logs of a run with faults: one line per decision, each in its form, without personal data."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.shared.telemetry.logs import Action
from tests import keys, processes
from tests.client import WAIT
from tests.integration.test_writer_dead_letters import POISON
from tests.processes import QUICK, Service
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream

_NAME, _EMAIL, _OTHER = "Ottilie Zwanzig", "ottilie.zwanzig@example.com", "second-address@example.com"


@pytest.fixture
def services(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[dict[str, Service]]:
    """The three services with JSON logs, on stores that the test may break."""
    at = (tmp_path, own_redis.address, own_database.dsn)
    json_lines = {"HOLDFAST_LOG_STYLE": "json", "HOLDFAST_LOG_LEVEL": "DEBUG"}
    started = {
        "api": processes.api(*at, HOLDFAST_API_RATE_READS_PER_MIN="600", **json_lines),
        "writer": processes.writer(*at, **QUICK, **json_lines),
        "dlq_admin": processes.dlq_admin(*at, HOLDFAST_DLQ_AUDIT_EVERY_S="0.2", **json_lines),
    }
    with processes.running(*started.values()):
        yield started


def _bad_day(services: dict[str, Service], own_redis: RedisServer, own_database: Database) -> None:
    """Cause good writes and refused ones, a poison one, a dead letter that is revealed, an outage of the database and a
    queue that hangs."""
    user = {"name": _NAME, "email": _EMAIL}
    with services["api"].client() as client:
        made = client.post("/users", json=user, headers=WAIT | keys.bearer(keys.WRITER))
        assert made.status_code == 201, made.text
        client.post("/users", json=user | {"name": _NAME + " again"})
        client.post("/users", json=user | {"email": _NAME})
        client.post("/users", content=json.dumps(user)[:-1], headers={"Content-Type": "application/json"})
        client.get("/users", params={"email": _EMAIL})
        client.get(f"/{_EMAIL}")
        Stream(own_redis, own_database).add_raw(
            POISON | {b"payload": json.dumps(user | {"email": _OTHER, "more": _NAME}).encode()}
        )
        with services["dlq_admin"].client(headers=keys.bearer(keys.OPERATOR)) as operator:
            wait_until(lambda: operator.get("/dlq/letters").json()["data"], what="a dead letter")
            [letter] = operator.get("/dlq/letters").json()["data"]
            assert _OTHER in operator.get(f"/dlq/letters/{letter['id']}?reveal=curious").text
        own_database.kill()
        for _ in range(8):
            client.get(f"/users/{made.json()['data']['id']}", headers={"Authorization": f"Bearer {keys.READER}"})
        client.patch(f"/users/{made.json()['data']['id']}", json={"name": _NAME + " III"})
        wait_until(lambda: "batch_held" in services["writer"].log.read_text(), what="the writer has tried")
        own_database.start()
        operation = client.patch(f"/users/{made.json()['data']['id']}", json={"email": _OTHER})
        path = operation.json()["meta"]["operation"]
        wait_until(lambda: client.get(path).json().get("data", {}).get("status") == "applied", what="all is well again")
    own_redis.freeze()
    wait_until(lambda: "Message fetch error" in services["writer"].log.read_text(), what="a read without an answer")
    own_redis.thaw()


def test_a_bad_day_s_logs(services: dict[str, Service], own_redis: RedisServer, own_database: Database) -> None:
    """Every line is JSON with its action, the decisions are logged, and no line contains personal data or a secret."""
    _bad_day(services, own_redis, own_database)
    lines = [line for service in services.values() for line in service.log.read_text().splitlines()]
    personal = (_NAME, "Ottilie", "Zwanzig", "zwanzig", _EMAIL, _OTHER, *_secrets())
    assert [line for line in lines if any(each in line for each in personal)] == []
    records = [json.loads(line) for line in lines]
    ours = [line for line in records if "action" in line]
    assert {line["action"] for line in ours} <= {action.value for action in Action}
    assert {"service_started", "write_dead_lettered", "breaker_moved", "batch_held"} <= {
        line["action"] for line in ours
    }
    for line in ours:
        assert line["service"] in services, line
        assert line["timestamp"], line
        if line["action"] in ("write_dead_lettered", "write_rejected", "attempt_failed"):
            assert "operation_id" in line, line
        if line["action"] in ("deadline_exceeded", "panic_recovered"):
            assert line["request_id"], line


def _secrets() -> list[str]:
    return [keys.WRITER, keys.READER, keys.OPERATOR, "test-only"]
