"""A queue of four partitions on a Redis Cluster of three primaries with a replica each: every service works on all of
them, a primary is killed, and a slot moves. No acknowledged write is lost."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.dlq_admin.away import named
from holdfast.shared.connections.redis import connect, text
from holdfast.shared.queue.names import WRITES
from holdfast.shared.queue.partitions import Partition, Partitions
from tests import keys, letters, processes
from tests.client import WAIT, fetch
from tests.failover.cluster import Cluster, running_cluster
from tests.failover.on_cluster import doubled, replace_owner, settle, starting
from tests.failover.writes import Record, writing
from tests.integration.test_writer_dead_letters import altered
from tests.processes import Service
from tests.replays.conftest import LONG, SHORT
from tests.servers import PATIENT_REDIS, Database, wait_until
from tests.users import USERS

_FOUR = Partitions(4)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for all tests of this module, which watches the slot of one partition and goes on serving without the
    others."""
    others_serve = ("--cluster-require-full-coverage", "no")
    with running_cluster(tmp_path_factory.mktemp("partitions"), _FOUR[2].writes, *others_serve) as cluster:
        yield cluster


@pytest.fixture
def start(cluster: Cluster, own_database: Database, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """A function that starts a service on the empty cluster; all services end with the test."""
    with starting(cluster, own_database, tmp_path, HOLDFAST_QUEUE_PARTITIONS="4") as start:
        yield start


def test_every_service_works_on_all_of_them(cluster: Cluster, start: Callable[..., Service]) -> None:
    """Users of every partition are written and read, a letter of each is indexed and replayed, and no node refuses a
    command."""
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
    wish = {"selection": {"ids": ids}, "reason": "a test", "expected_count": 4, "stop": {"breaker": False}}
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
    """When a primary is killed while no writer runs, its replica has all entries, and no service has to be
    restarted."""
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
    """While a primary and its replica are down, writes to their partitions go to the database and only their breakers
    open; writes to the other partitions are queued, applied and settled. After their return no entry is left over."""
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


def test_dlq_admin_without_a_shard(
    cluster: Cluster, own_database: Database, start: Callable[..., Service], desk: "_Desk"
) -> None:
    """While the shard that also holds the fleet's reports is down, every page and endpoint of dlq_admin answers or
    refuses in the envelope and names the partition. A replay goes on in the other partitions, a recall takes back their
    letters, and after the shard's return the ledger balances."""
    shard = cluster.of(WRITES)
    away = [each for each in _FOUR if cluster.of(each.writes).owner() is shard.owner()]
    numbers, elsewhere = [each.number for each in away], [each for each in _FOUR if each not in away]
    api, record = start("api", **processes.PATIENT_API, HOLDFAST_QUEUE_REPLICAS_TIMEOUT_S="4"), Record()
    writer = start("writer", HOLDFAST_WRITER_DEAD_SHARE_MAX="1")
    with altered(own_database, SHORT, LONG):
        made = _made(api, elsewhere)
        desk.wait_for({"dead": 40})
    there = sum(each in away for each in made)
    killed = shard.kill_shard()
    wait_until(lambda: desk.data("/dlq/overview")["partitions_away"] == numbers, what="it names the partition")
    with writing(api, record):
        record.wait_for(20, 202)
        desk.replay()
        applied = {"applied": 40 - there, "replaying": there}
        desk.wait_for(applied)
        wait_until(lambda: desk.seen()["partitions_away"] == numbers, what="the replay names the partition")
        assert set(desk.every_endpoint().values()) <= {200, 404, 503}
        assert set(desk.every_page().values()) == {200}
        assert f"without {named(numbers)}" in desk.page("/console/strip").text
        assert desk.data("/dlq/overview")["writers"] is None, "who runs is not known, and is not nobody"
        desk.order("recall")
        record.wait_for(20, 202)
        assert (desk.seen()["state"], desk.states()) == ("recalling", applied)
        for node in killed:
            node.start()
        cluster.wait_until_whole()
        wait_until(lambda: desk.seen()["state"] == "recalled", what="the replay is recalled")
        assert desk.states() == {"applied": 40 - there, "dead": there}
        wait_until(lambda: bool(desk.data("/dlq/overview")["writers"]), what="the writer reports again")
        record.wait_for(20, 202)
    desk.replay()
    desk.wait_for({"applied": 40})
    settle(cluster, own_database, _FOUR)
    assert (record.lost(own_database), doubled(own_database), writer.running) == (set(), 0, True)


class _Desk:
    """An operator at dlq_admin, by REST and in the console."""

    def __init__(self, service: Service) -> None:
        self._url = service.url
        self._console = service.client()
        self._replay = 0
        answer = self._console.post("/console/login", data={"key": keys.OPERATOR, "next": "/console"})
        assert answer.status_code == 303, answer.text

    def close(self) -> None:
        """Close the connections."""
        self._console.close()

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Return the answer."""
        return fetch(method, f"{self._url}{path}", headers=keys.bearer(keys.OPERATOR), **more)

    def data(self, path: str) -> Any:
        """Return the data of a successful answer, which may need several attempts on a busy machine."""
        answers: list[Any] = []

        def answered() -> bool:
            answers.append(self.ask("GET", path))
            return bool(answers[-1].status_code == 200)

        wait_until(answered, what=f"{path} is answered")
        return answers[-1].json()["data"]

    def letters(self) -> Any:
        """Return all letters."""
        return self.data("/dlq/letters?limit=100")

    def states(self) -> dict[str, int]:
        """Return the number of letters in each state."""
        return dict(Counter(each["state"] for each in self.letters()))

    def wait_for(self, states: dict[str, int]) -> None:
        """Wait until so many letters are in each state, and show the states if that does not come about."""
        with suppress(AssertionError):
            wait_until(lambda: self.states() == states)
        assert self.states() == states, self.data("/dlq/replays")

    def replay(self) -> None:
        """Replay all dead letters."""
        ids = [each["id"] for each in self.letters() if each["state"] == "dead"]
        wish = {"selection": {"ids": ids}, "reason": "a test", "expected_count": len(ids), "stop": {"breaker": False}}
        answer = self.ask("POST", "/dlq/replays", json=wish)
        assert answer.status_code == 200, answer.text
        self._replay = answer.json()["data"]["id"]

    def seen(self) -> Any:
        """Return the replay."""
        return self.data(f"/dlq/replays/{self._replay}")

    def order(self, word: str) -> None:
        """Send an order to the replay."""
        assert self.ask("POST", f"/dlq/replays/{self._replay}/{word}", json={"reason": "a test"}).status_code == 200

    def every_endpoint(self) -> dict[str, int]:
        """Return the status of GET for each path in the OpenAPI document. Every refusal is in the envelope."""
        ids = {
            "letter_id": self.letters()[0]["id"], "fingerprint": self.data("/dlq/groups")[0]["fingerprint"],
            "replay_id": self._replay, "request_id": "req_00000000", "fault": "database-down",
        }  # fmt: skip
        found = {}
        for path, of in self.ask("GET", "/openapi.json").json()["paths"].items():
            if "get" in of and path != "/dlq/export":  # a stream of lines
                answer = self.ask("GET", path.format_map(ids))
                found[path] = answer.status_code
                assert answer.status_code == 200 or answer.json()["error"]["code"], (path, answer.text)
        assert len(found) > 15
        return found

    def every_page(self) -> dict[str, int]:
        """Return the status of each console page that lists something, and of one page of each kind."""
        letter = self.letters()[0]
        paths = [f"/console{path}" for path in (
            "", "/strip", "/groups", f"/groups/{letter['fingerprint']}", "/letters", f"/letters/{letter['id']}",
            f"/letters/{letter['id']}/edit", "/replays", f"/replays/{self._replay}", "/audit", "/breakers", "/epochs",
            "/writers", "/failures", "/requests", "/search", "/alerts", "/runbooks",
        )]  # fmt: skip
        return {path: self.page(path).status_code for path in paths}

    def page(self, path: str) -> Any:
        """Return one page of the console."""
        return self._console.get(path)


@pytest.fixture
def desk(start: Callable[..., Service]) -> Iterator[_Desk]:
    """An operator at a dlq_admin whose auditor runs every second."""
    desk = _Desk(start("dlq_admin", HOLDFAST_DLQ_AUDIT_EVERY_S="1"))
    yield desk
    desk.close()


def _made(api: Service, elsewhere: list[Partition]) -> list[Partition]:
    """Create forty users with addresses of these partitions, and return the partitions of the users."""
    emails = (f"{number}@example.com" for number in itertools.count())
    free = (each for each in emails if _FOUR.of_text(" ".join(next(iter(USERS.claims({"email": each}))))) in elsewhere)
    made = []
    with api.client() as http:
        for email in itertools.islice(free, 40):
            answer = http.post("/users", json={"name": f"much too long: {email}", "email": email})
            assert answer.status_code == 202, answer.text
            made.append(_FOUR.of(answer.json()["data"]["id"]))
    return made


def _open(api: Service) -> set[str]:
    """Return the queue's breakers that are not closed."""
    checks = fetch("GET", f"{api.url}/health").json()["data"]["checks"]
    return {name for name, check in checks.items() if name.startswith("queue_") and not check["ok"]}


async def _newest(cluster: Cluster, partitions: list[Partition]) -> dict[Partition, str]:
    """Return the newest entry of each partition."""
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
    """A slot moves under writes with a running writer, and no acknowledged write is lost or doubled."""
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
