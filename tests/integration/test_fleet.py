"""The fleet's breakers, seen and overridden through one api: real processes, the board in a Redis of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.shared.connections.redis import connect
from holdfast.shared.fleet.board import Board
from holdfast.shared.fleet.member import Member
from holdfast.shared.queue.names import AUDIT
from holdfast.shared.resilience.breaker.breaker import Breaker
from tests import keys, processes
from tests.client import WAIT
from tests.conftest import ROOT, empty
from tests.integration.test_api_accepts import ADA, error_of
from tests.servers import PATIENT_REDIS, START_DEADLINE_S, Database, RedisServer, wait_until
from tests.stream import Stream, new_user

WRITERS = ("writer-1", "writer-2")
HOLDING = 'holdfast_holding{dependency="database"}'


@dataclass
class Fleet:
    """An api, its writers, and the servers that they share."""

    api: httpx.Client
    stream: Stream
    board: RedisServer
    queue: RedisServer
    start_writer: Callable[[str], processes.Service]
    writers: dict[str, processes.Service] = field(default_factory=dict)

    def status(self) -> dict[str, Any]:
        """Return the breakers' status as an operator sees it."""
        shown: dict[str, Any] = self.api.get("/circuit-breaker/status").json()["data"]
        return shown

    def states(self, service: str = "writer") -> dict[str, str]:
        """Return the state of each instance's database breaker, or `stale`."""
        return {
            one["instance"]: "stale" if one["report"]["stale"] else one["state"]
            for one in self.status()["circuit_breakers"]
            if (one["service"], one["name"]) == (service, "database")
        }

    def order(self, service: str, action: str, key: str | None = keys.OPERATOR, **more: object) -> httpx.Response:
        """Order an override of the service's database breaker and return the answer."""
        return self.api.post(
            f"/circuit-breaker/{service}/database/override",
            content=json.dumps({"action": action, "reason": "a test"} | more),
            headers={"Content-Type": "application/json"} | (keys.bearer(key) if key else {}),
        )  # fmt: skip

    def is_calm(self) -> bool:
        """Return whether both writers are known and all database breakers are closed."""
        return self.states() == dict.fromkeys(WRITERS, "closed") and self.states("api") == {"api-test": "closed"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database) -> Iterator[Fleet]:
    """The fleet, started once for all tests."""
    folder = tmp_path_factory.mktemp("fleet")
    board = RedisServer(tmp_path_factory.mktemp("board"))
    board.start()
    with redis_server.client() as redis:
        redis.flushall()
    empty(database)
    started: list[processes.Service] = []
    shared = {"HOLDFAST_CACHE_REDIS_ADDR": board.address}

    def start_writer(name: str) -> processes.Service:
        service = processes.writer(folder, redis_server.address, database.dsn, name, **processes.QUICK, **shared)
        started.append(service.start())
        return service

    writers = {name: start_writer(name) for name in WRITERS}
    api = processes.api(folder, redis_server.address, database.dsn, **shared)
    started.append(api.start())
    with api.client() as client:
        yield Fleet(client, Stream(redis_server, database), board, redis_server, start_writer, writers)
    for service in started:
        service.kill()
    board.kill()


@pytest.fixture
def fleet(running: Fleet) -> Fleet:
    """The fleet after a reset: every replica is known and every breaker is closed, whatever an earlier test left
    behind."""
    if not running.is_calm():
        for service in ("api", "writer"):
            running.order(service, "reset")
    wait_until(running.is_calm, what="everything is closed")
    return running


async def test_who_leaves_is_gone_at_once(clean_redis: RedisServer) -> None:
    """A replica that shuts down in an orderly way disappears from the roster at once, without a stale phase."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    api, writer = (
        Board(redis, Member(name, name, lambda: [Breaker("b")]), watching=True) for name in ("api", "writer")
    )
    await writer.beat()
    await api.beat()
    assert [one["instance"] for one in api.roster.shown(time.monotonic())] == ["writer"]
    await writer.leave()
    await api.beat()
    assert api.roster.shown(time.monotonic()) == []
    await redis.aclose()


def test_everybodys_breakers_are_shown(fleet: Fleet) -> None:
    """The status shows and counts the breakers of the api and of both writers, with the age of each report."""
    shown: dict[str, Any] = {}

    def all_closed() -> bool:
        shown.update(fleet.status())
        counts = {"closed": len(shown["circuit_breakers"]), "open": 0, "half_open": 0, "stale": 0}
        return bool(shown["summary"] == counts)

    wait_until(all_closed, what="all are closed, and none is late")
    for one in shown["circuit_breakers"]:
        assert one["report"]["age_s"] < 3 if one["service"] == "writer" else one["report"]["age_s"] == 0
        assert {"since", "opened", "counts", "next_probe_at", "imposed", "transitions"} <= set(one)


def test_the_table_for_people(fleet: Fleet) -> None:
    """`make circuit-status` prints one line per breaker, without colour into a pipe, and fails without an api."""

    def table(url: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "deploy.local", "circuit-status"]
        environment = {"PATH": "/usr/bin:/bin", "API": url}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=START_DEADLINE_S, check=False
        )

    done = table(str(fleet.api.base_url))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split()[:4] for line in done.stdout.splitlines()]
    assert [line for line in lines if line[:2] == ["database", "writer"]] == [
        ["database", "writer", name, "closed"] for name in WRITERS
    ]
    assert "\x1b" not in done.stdout
    assert table(f"{fleet.board.address.replace('127', 'http://127')}").returncode == 1


def test_forced_open_every_writer_pauses_also_one_that_starts_meanwhile(fleet: Fleet) -> None:
    """While the breakers are forced open, all writers pause, including one that starts later; the backlog grows, no
    attempt is charged, and the override expires on its own. A killed replica becomes stale and then disappears."""
    answer = fleet.order("writer", "force_open", for_s=600)
    assert answer.status_code == 200
    data = answer.json()["data"]
    assert (sorted(data["imposed_on"]), data["reach"], data["audited"]) == (list(WRITERS), "every replica", True)
    third = fleet.start_writer("writer-3")
    try:
        everybody = [*fleet.writers.values(), third]
        wait_until(lambda: all(one.metric(HOLDING) == 1 for one in everybody), what="all three hold")
        users = [new_user() for _ in range(5)]
        fleet.stream.accept(users)
        wait_until(lambda: fleet.states() == dict.fromkeys((*WRITERS, "writer-3"), "open"), what="and are seen to")
        [imposed] = {
            (one["imposed"]["actor"], one["imposed"]["reason"])
            for one in fleet.status()["circuit_breakers"]
            if (one["service"], one["name"]) == ("writer", "database")
        }
        assert imposed == (keys.OPERATOR, "a test")
        assert fleet.stream.backlog() == 5
        answer = fleet.order("writer", "force_open", for_s=1)
        fleet.stream.wait_for_end(users)
        assert fleet.stream.charged() == []
    finally:
        third.kill()
    wait_until(lambda: fleet.states().get("writer-3", "stale") == "stale", what="it is stale")
    wait_until(lambda: "writer-3" not in fleet.states(), what="it is gone")
    with fleet.queue.client() as redis:
        entry = redis.xrevrange(AUDIT, count=1)[0][1]
    assert (entry[b"actor"], entry[b"reason"], entry[b"measure"]) == (keys.OPERATOR.encode(), b"a test", b"force_open")
    assert entry[b"request_id"] == answer.headers["x-request-id"].encode()


def test_one_replica_alone(fleet: Fleet) -> None:
    """An override of one instance leaves the other instance alone, and a lift ends it."""
    assert fleet.order("writer", "force_open", instance="writer-2").json()["data"]["imposed_on"] == ["writer-2"]
    wait_until(lambda: fleet.states() == {"writer-1": "closed", "writer-2": "open"}, what="it alone is open")
    assert fleet.order("writer", "lift").status_code == 200
    wait_until(fleet.is_calm, what="it is closed again")


def test_the_apis_own_breaker_forced_open_makes_reads_copies(fleet: Fleet) -> None:
    """With the api's own database breaker forced open, reads at once get copies as during an outage, and fresh data
    again after the lift."""
    path = f"/users/{fleet.api.post('/users', json=ADA, headers=WAIT).json()['data']['id']}"
    assert fleet.api.get(path).json()["meta"]["pending"] is False
    with fleet.board.client() as cache:
        wait_until(lambda: cache.exists(f"holdfast:cache:user:{path.rpartition('/')[2]}"), what="it is copied")
    fleet.order("api", "force_open")
    copy = fleet.api.get(path)
    assert (copy.status_code, copy.json()["error"]["code"]) == (200, "CIRCUIT_BREAKER_OPEN")
    assert copy.json()["data"]["name"] == "Ada"
    fleet.order("api", "lift")
    wait_until(lambda: fleet.api.get(path).json()["success"], what="it heals")
    fleet.order("api", "reset")


@pytest.mark.parametrize(("key", "status"), [(None, 401), ("nonsense", 401), (keys.READER, 403), (keys.WRITER, 403)])
def test_only_operators_may(fleet: Fleet, key: str | None, status: int) -> None:
    """Only operators may override a breaker, even in a profile where every other route is open."""
    answer = fleet.order("api", "force_open", key=key)
    assert (answer.status_code, error_of(answer)["type"]) == (status, "authentication_error")
    assert fleet.states("api") == {"api-test": "closed"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"action": "explode"}, "action"), ({"reason": "  "}, "reason"), ({"reason": "x" * 501}, "reason"),
        ({"reason": "\ud800"}, None), ({"for_s": 0}, "for_s"), ({"for_s": 86_401}, "for_s"), ({"for_s": "60"}, "for_s"),
        ({"instance": ""}, "instance"), ({"extra": 1}, "extra"),
    ],
)  # fmt: skip
def test_nonsense_is_refused(fleet: Fleet, more: dict[str, object], field: str | None) -> None:
    """A malformed override is refused in the envelope with the field's name, and nothing is imposed."""
    answer = fleet.order("api", **({"action": "force_open"} | more))  # type: ignore[arg-type]
    assert answer.status_code in (400, 422)
    if field:
        assert (answer.status_code, error_of(answer)["details"]["field"]) == (422, field)
    assert fleet.states("api") == {"api-test": "closed"}


@pytest.mark.parametrize("where", ["api/nothing", "nobody/database", "api/a/b"])
def test_what_is_not_there_is_not_found(fleet: Fleet, where: str) -> None:
    """An override of an unknown breaker, service or instance gets 404."""
    body = {"action": "reset", "reason": "a test"}
    answer = fleet.api.post(f"/circuit-breaker/{where}/override", json=body, headers=keys.bearer(keys.OPERATOR))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "BREAKER_NOT_FOUND")
    assert fleet.order("writer", "reset", instance="writer-9").status_code == 404


def test_with_the_board_away_an_api_still_shows_and_obeys_itself(fleet: Fleet, tmp_path: Path) -> None:
    """Without the board an api still shows and overrides its own breakers, reports that no other replica was reached,
    and refuses overrides of other services. The other replicas become stale, disappear, and are back on their own when
    the board returns."""
    fleet.board.kill()
    wait_until(lambda: fleet.status()["others"] != "reported", what="it is noticed")
    assert set(fleet.states().values()) <= {"stale"}
    data = fleet.order("api", "force_open").json()["data"]
    assert data["imposed_on"] == ["api-test"]
    assert "only" in data["reach"]
    assert fleet.states("api") == {"api-test": "open"}
    refused = fleet.order("writer", "force_open")
    assert (refused.status_code, error_of(refused)["code"]) == (503, "FLEET_UNREACHABLE")
    assert fleet.order("api", "reset").status_code == 200
    fleet.board.start()
    wait_until(fleet.is_calm, what="everybody is back")
