"""Faults of drills are announced, expire on their own, and are known to every replica, with or without a cache."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.announce import Announcer
from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.faults.announced import KNOWN_MAX, Faults, Full, Name, Recoveries, Recovery
from holdfast.services.dlq_admin.faults.board import FaultBoard
from holdfast.services.dlq_admin.faults.cache import FaultCache
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.connections.redis import connect
from holdfast.shared.telemetry.grafana.annotations import Annotation, Annotations
from tests import keys
from tests.client import fetch
from tests.processes import Service, dlq_admin, running
from tests.servers import PATIENT_REDIS, Database, RedisServer, wait_until

DOWN = Name("database-down", "database")


def test_a_fault_ends_unless_it_is_announced_again() -> None:
    """A fault announced again keeps its start; one announced after its end is new, and the last end is still known."""
    faults = Faults()
    assert faults.begin(DOWN, 10, now_s=100).ended_s(105) is None
    again = faults.begin(DOWN, 10, now_s=108)
    assert (again.began_s, again.active(117), again.active(118), again.ended_s(118)) == (100, True, False, 118)
    later = faults.begin(DOWN, 10, now_s=200)
    assert (later.began_s, later.ended_s(201)) == (200, 118)


def test_an_end_ends_what_it_names() -> None:
    """An end ends one target of the fault or all of them, and a fault that is over is not ended again."""
    faults = Faults()
    queue = Name("database-down", "queue")
    faults.begin(DOWN, 10, now_s=100)
    faults.begin(queue, 10, now_s=100)
    assert [each.name for each in faults.end("database-down", "queue", now_s=101)] == [queue]
    assert [each.name for each in faults.end("database-down", None, now_s=102)] == [DOWN]
    assert faults.end("database-down", None, now_s=103) == []


def test_of_two_words_the_later_one_counts() -> None:
    """Of two announcements the later one counts: once another replica knows of the end, an older start does not undo
    it."""
    here, there = Faults(), Faults()
    there.begin(DOWN, 60, now_s=100)
    here.merge(there, now_s=101)
    there.end("database-down", None, now_s=102)
    here.merge(there, now_s=103)
    assert [each.active(103) for each in here] == [False]
    there.merge([here.begin(DOWN, 60, now_s=110)], now_s=111)
    assert [each.began_s for each in there] == [110]


def test_no_more_is_known_than_can_be_shown() -> None:
    """The oldest fault that is over makes room for a new one; while all are active, a new one is refused, also one that
    another replica announced."""
    faults, others = Faults(), Faults()
    for number in range(KNOWN_MAX):
        faults.begin(Name(f"fault-{number}", "host"), 10 if number == 3 else 100, now_s=100)
    with pytest.raises(Full):
        faults.begin(DOWN, 10, now_s=101)
    others.begin(DOWN, 10, now_s=101)
    faults.merge(others, now_s=101)
    assert DOWN not in {each.name for each in faults}
    faults.begin(DOWN, 10, now_s=120)
    assert {each.name.fault for each in faults} ^ {f"fault-{number}" for number in range(KNOWN_MAX)} == {
        "fault-3", "database-down"}  # fmt: skip


def test_an_older_measurement_does_not_replace_a_newer_one() -> None:
    """The newer measurement of a fault is kept, and of more than a hundred measurements the oldest are dropped."""
    recoveries = Recoveries()
    recoveries.put(Recovery("a", {"detect": 1.0}, "passed", 100))
    recoveries.put(Recovery("a", {"detect": 9.0}, "failed", 99))
    assert [each.verdict for each in recoveries.known()] == ["passed"]
    for number in range(100):
        recoveries.put(Recovery(f"b{number}", {}, "unknown", 200 + number))
    assert len(recoveries.known()) == 100
    assert "a" not in {each.fault for each in recoveries.known()}


@pytest.fixture(scope="module")
def replicas(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[list[Service]]:
    """Two running dlq_admins."""
    with redis_server.client() as redis:
        redis.flushall()
    folder = tmp_path_factory.mktemp("replicas")
    started = [dlq_admin(folder, redis_server.address, database.dsn, name) for name in ("one", "two")]
    with running(*started):
        yield started


def test_a_runner_announces_and_every_replica_shows(replicas: list[Service]) -> None:
    """A fault that a runner announces at one replica shows in the metrics of both, and its recovery can be read."""
    one, two = replicas
    runner = Announcer(one.url, keys.ANNOUNCER)
    labels = '{fault="test-fault",target="queue"}'
    before = time.time()
    with runner.announced("test-fault", "queue"):
        wait_until(lambda: one.metric(f"holdfast_fault_active{labels}") == 1, what="it is on")
        wait_until(lambda: two.metric(f"holdfast_fault_active{labels}") == 1, what="the other one knows")
        began = one.metric(f"holdfast_fault_last_start_timestamp_seconds{labels}")
        assert before <= began <= time.time()
        assert began == two.metric(f"holdfast_fault_last_start_timestamp_seconds{labels}")
    wait_until(lambda: one.metric(f"holdfast_fault_active{labels}") == 0, what="it is over")
    wait_until(lambda: two.metric(f"holdfast_fault_active{labels}") == 0, what="the other one knows that it is over")
    assert began <= one.metric(f"holdfast_fault_last_end_timestamp_seconds{labels}") <= time.time()
    wait_until(lambda: runner.recovered("test-fault", {"detect": 1.5, "drain": None}, "passed"), what="it is taken")
    assert one.metric('holdfast_recovery_phase_seconds{fault="test-fault",phase="detect"}') == 1.5
    data = fetch("GET", f"{one.url}/faults", headers=keys.bearer(keys.VIEWER)).json()["data"]
    assert [(each["fault"], each["active"]) for each in data["faults"]] == [("test-fault", False)]
    assert [(each["detect_s"], each["drain_s"], each["verdict"]) for each in data["recoveries"]] == [
        (1.5, None, "passed")]  # fmt: skip


def test_a_killed_runner_s_fault_ends_by_itself(replicas: list[Service]) -> None:
    """A fault whose end is never announced expires. The test announces it until it is seen, since it may expire
    before."""
    one, _ = replicas
    runner = Announcer(one.url, keys.ANNOUNCER)
    sample = 'holdfast_fault_active{fault="killed",target="writer"}'

    def seen() -> bool:
        return runner.send("PUT", "/faults/killed", {"target": "writer", "for_s": 0.5}) and one.metric(sample) == 1

    wait_until(seen, what="it is on")
    wait_until(lambda: one.metric(sample) == 0, what="it is over")


def test_whoever_starts_again_still_knows(
    redis_server: RedisServer, database: Database, tmp_path: Path, replicas: list[Service]
) -> None:
    """A dlq_admin that starts during a fault knows of it, even if another build left unreadable records beside it."""
    one, _ = replicas
    with redis_server.client() as redis:
        redis.hset("holdfast:announced", mapping={"fault broken": b"{", "recovery odd": b'{"fault": 7}'})
    with Announcer(one.url, keys.ANNOUNCER).announced("long-fault", "cache"):
        late = dlq_admin(tmp_path, redis_server.address, database.dsn, "late").start()
        try:
            sample = 'holdfast_fault_active{fault="long-fault",target="cache"}'
            wait_until(lambda: late.metric(sample) == 1, what="it knows")
        finally:
            late.kill()


class _Listener(Annotations):
    """Keeps the annotations that Grafana would receive."""

    def __init__(self) -> None:
        super().__init__(None, timeout_s=1)
        self.kept: list[Annotation] = []

    def add(self, annotation: Annotation) -> None:
        """Keep the annotation."""
        self.kept.append(annotation)


async def test_a_fault_is_one_region_drawn_by_whoever_was_asked(clean_redis: RedisServer) -> None:
    """The replica that received the announcement draws the start or the end of a fault; one that only read of it draws
    nothing, unless the fault expires."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    listeners = [_Listener(), _Listener()]
    one, two = (FaultBoard(FaultCache(redis), listener) for listener in listeners)
    await one.begin(DOWN, 60)
    await two.begin(DOWN, 60)
    await two.end("database-down", None)
    await one.end("database-down", None)
    [began], [ended] = (listener.kept for listener in listeners)
    assert (began.text, began.ended_s) == ("database-down → database", None)
    assert (ended.key, ended.began_s) == (began.key, began.began_s)
    assert ended.ended_s is not None
    await one.begin(DOWN, 0.01)
    again = listeners[0].kept[-1]
    await asyncio.sleep(0.02)
    await one.end("nothing", None)
    assert [each.key for each in listeners[0].kept[1:]] == [again.key, again.key]
    assert listeners[0].kept[-1].ended_s
    await redis.aclose()


_METRICS = "http://dlq:8083/metrics"


@pytest.fixture
async def alone(tmp_path: Path) -> "Iterator[httpx.AsyncClient]":
    """A client of a dlq_admin that has no store at all."""
    settings = DlqAdminSettings(
        redis_addr="127.0.0.1:1", db_dsn="mysql://nobody:nothing@127.0.0.1:1/none", keys_file=keys.written_to(tmp_path)
    )
    transport = httpx.ASGITransport(DlqAdmin(settings).http())
    async with httpx.AsyncClient(transport=transport, base_url="http://dlq") as client:
        yield client


async def test_without_stores_it_is_known_here(alone: httpx.AsyncClient) -> None:
    """Without stores, faults are known in the replica itself: no request waits for the cache or fails because of it."""
    headers = keys.bearer(keys.ANNOUNCER)
    answer = await alone.put("/faults/cache-down", json={"target": "cache", "for_s": 5}, headers=headers)
    assert (answer.status_code, answer.json()["data"]["active"]) == (200, True)
    assert 'holdfast_fault_active{fault="cache-down",target="cache"} 1.0' in (await alone.get(_METRICS)).text
    ended = await alone.delete("/faults/cache-down?target=cache", headers=headers)
    assert [each["fault"] for each in ended.json()["data"]["ended"]] == ["cache-down"]
    again = await alone.delete("/faults/cache-down", headers=headers)
    assert (again.status_code, again.json()["data"]["ended"]) == (200, [])


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/faults/Database", {"target": "database", "for_s": 5}),
        ("/faults/a--b-", {"target": "database", "for_s": 5}),
        ("/faults/" + "x" * 65, {"target": "database", "for_s": 5}),
        ("/faults/a%0A", {"target": "database", "for_s": 5}),
        ("/faults/a", {"target": "the moon", "for_s": 5}),
        ("/faults/a", {"target": "database", "for_s": 0}),
        ("/faults/a", {"target": "database", "for_s": 601}),
        ("/faults/a", {"target": "database", "for_s": "5"}),
        ("/faults/a", {"target": "database"}),
        ("/faults/a", {"target": "database", "for_s": 5, "more": 1}),
        ("/recoveries/a", {"detect_s": -1, "verdict": "passed"}),
        ("/recoveries/a", {"detect_s": 1, "verdict": "great"}),
        ("/recoveries/a", {"detect_s": 1}),
        ("/recoveries/A", {"verdict": "passed"}),
    ],
)
async def test_nonsense_is_refused(alone: httpx.AsyncClient, path: str, document: dict[str, object]) -> None:
    """A malformed fault or recovery is refused before it becomes a label of a metric."""
    answer = await alone.put(path, json=document, headers=keys.bearer(keys.ANNOUNCER))
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["details"]["field"]


async def test_a_hundred_are_enough(alone: httpx.AsyncClient) -> None:
    """When as many faults are active as can be known, another one is refused with 409."""
    headers = keys.bearer(keys.ANNOUNCER)
    for number in range(KNOWN_MAX):
        answer = await alone.put(f"/faults/many-{number}", json={"target": "host", "for_s": 60}, headers=headers)
        assert answer.status_code == 200
    refused = await alone.put("/faults/one-more", json={"target": "host", "for_s": 60}, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "TOO_MANY_FAULTS")


def test_a_runner_does_not_fail_where_nobody_listens() -> None:
    """A runner whose dlq_admin is unreachable does not fail, and learns that its announcement was not received."""
    runner = Announcer("http://127.0.0.1:1", keys.ANNOUNCER)
    with runner.announced("test-fault", "queue"):
        pass
    assert not runner.recovered("test-fault", {}, "unknown")
    assert not Announcer("http://127.0.0.1:1", "").send("PUT", "/faults/a")
