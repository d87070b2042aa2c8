"""What operators see while a store is away: the letters on the stream with a banner, or a clear error."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.exceptions import ConnectionError, RedisError, TimeoutError

from holdfast.services.dlq_admin.fail_fast_queue import FailFastQueue
from holdfast.services.dlq_admin.letters import on_stream
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.queue.backlog import backlog
from holdfast.shared.queue.names import DEAD
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.queue.presence import running_builds
from holdfast.shared.resilience.supervise import stop
from tests import keys, letters, processes
from tests.client import fetch
from tests.servers import Database, RedisServer, wait_until


@pytest.fixture
def service(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[processes.Service]:
    """A dlq_admin on servers that the test may break."""
    service = processes.dlq_admin(
        tmp_path, own_redis.address, own_database.dsn,
        HOLDFAST_DLQ_READ_TIMEOUT_S="1", HOLDFAST_DB_TIMEOUT_S="3", HOLDFAST_DB_LOCK_WAIT_S="1",
    ).start()  # fmt: skip
    yield service
    service.kill()


def ask(service: processes.Service, path: str) -> httpx.Response:
    """Send a GET request as an operator."""
    return fetch("GET", service.url + path, headers=keys.bearer(keys.OPERATOR))


@pytest.mark.parametrize("how", ["kill", "freeze"])
def test_new_letters_are_listed_from_the_stream(
    service: processes.Service, own_redis: RedisServer, own_database: Database, how: str
) -> None:
    """While the database is dead or hangs, the list has the letters that arrived since, marked and with a banner, and
    recovers without intervention."""
    with own_redis.client() as client:
        client.xadd(DEAD, letters.fields())
        wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")
        getattr(own_database, how)()
        letter_id = client.xadd(DEAD, letters.fields(code="1366", name="Ottilie")).decode()
    answer = ask(service, "/dlq/letters")
    document = answer.json()
    assert (answer.status_code, document["success"], document["error"]["code"]) == (200, False, "DATABASE_UNAVAILABLE")
    [letter] = document["data"]
    assert document["fallback_data"]["letters"] == [letter]
    assert (letter["id"], letter["indexed"], letter["code"]) == (letter_id, False, "1366")
    assert "safe" in document["fallback_data"]["banner"]
    one = ask(service, f"/dlq/letters/{letter_id}").json()["data"]
    assert (one["payload"]["name"], one["indexed"]) == ("O•••", False)
    assert ask(service, f"/dlq/letters/{letter_id}?reveal=curious").status_code == 503, "no look without its record"
    assert ask(service, "/dlq/groups").status_code == 503
    overview = ask(service, "/dlq/overview").json()["data"]
    assert (overview["letters"], overview["waiting"]) == (None, 1)
    assert overview["banner"]
    if how == "kill":
        own_database.start()
    own_database.thaw()
    wait_until(lambda: len(ask(service, "/dlq/letters").json().get("data", ())) == 2, what="both are in the table")


def test_health_speaks_for_the_background_work(service: processes.Service, own_database: Database) -> None:
    """Health reports the database as away if only background work needs it, and names the work and the error."""

    def check() -> dict[str, Any]:
        checks: dict[str, Any] = fetch("GET", f"{service.url}/health").json()["data"]["checks"]
        return checks["database"]

    wait_until(lambda: check()["ok"], what="it starts")
    own_database.kill()
    wait_until(lambda: not check()["ok"], what="the loops need the database")
    assert "database error" in check()["detail"]
    own_database.start()
    wait_until(lambda: check() == {"ok": True, "detail": ""}, what="it recovers")


def test_without_its_queue_what_is_indexed_is_there(service: processes.Service, own_redis: RedisServer) -> None:
    """Without the queue the table answers, and what only Redis knows is null."""
    with own_redis.client() as client:
        client.xadd(DEAD, letters.fields())
        wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")
    own_redis.kill()
    [letter] = ask(service, "/dlq/letters").json()["data"]
    assert ask(service, f"/dlq/letters/{letter['id']}").status_code == 200
    assert ask(service, "/dlq/letters/1764000000000-1").status_code == 404
    overview = ask(service, "/dlq/overview").json()["data"]
    assert (overview["letters"]["dead"], overview["waiting"], overview["backlog"]) == (1, None, None)
    assert (overview["partitions_away"], overview["writers"]) == ([0], None)
    refused = ask(service, "/dlq/writers")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "QUEUE_UNAVAILABLE")


def test_a_queue_that_hangs_is_waited_for_once(service: processes.Service, own_redis: RedisServer) -> None:
    """Only one page waits for a queue that hangs; the next ones continue without it, and say so, until it answers
    again."""
    with own_redis.client() as client:
        letter_id = client.xadd(DEAD, letters.fields()).decode()
        wait_until(lambda: client.xlen(DEAD) == 0, what="indexed")
    [group] = ask(service, "/dlq/groups").json()["data"]
    pages = ["", "/strip", "/writers", f"/letters/{letter_id}", f"/groups/{group['fingerprint']}", "/failures"]
    with service.client() as console:
        console.post("/console/login", data={"key": keys.OPERATOR})
        own_redis.freeze()
        assert ask(service, "/dlq/overview").json()["data"]["backlog"] is None
        shown = {page: console.get(f"/console{page}").text for page in pages}
        assert "<b>Queue</b> does not answer" in shown["/strip"]
        assert "not known: the queue does not answer" in shown[f"/groups/{group['fingerprint']}"]
        assert "Which builds run is not known" in shown[f"/letters/{letter_id}"]
        own_redis.thaw()
        wait_until(lambda: ask(service, "/dlq/overview").json()["data"]["backlog"], what="it is asked again")


async def test_what_did_not_answer_is_not_asked_again_by_a_page(own_redis: RedisServer) -> None:
    """After a command to a part of the queue timed out, commands of pages to that part fail at once, while other
    partitions are still asked. Once a background probe succeeds, pages ask the part again."""
    redis = connect(own_redis.address, RedisTimeouts(5, 0.2))
    asked = FailFastQueue(redis)
    four = Partitions(4)
    asks: list[Callable[[], Awaitable[Any]]] = [
        lambda: on_stream.length(asked),
        lambda: on_stream.newest(asked, 1),
        lambda: running_builds(asked),
        lambda: backlog(asked),
    ]  # fmt: skip
    assert [bool(await ask()) for ask in asks] == [False, True, False, True]
    own_redis.freeze()
    with pytest.raises(TimeoutError):
        await asked.xlen(DEAD)
    for ask in asks[2:]:
        with pytest.raises(ConnectionError, match="asked last"):
            await ask()
    assert [await ask() for ask in asks[:2]] == [None, None]
    with pytest.raises(TimeoutError):
        await asked.xlen(four[2].dead)
    probing = asyncio.create_task(asked.run())
    own_redis.thaw()
    for ask in [*asks, lambda: asked.xlen(four[2].dead)]:
        async with asyncio.timeout(60):
            while not await _works(ask):
                await asyncio.sleep(0.01)
    await stop([probing])
    await redis.aclose()


async def _works(ask: Callable[[], Awaitable[Any]]) -> bool:
    try:
        return await ask() is not None
    except RedisError:
        return False


def test_without_a_partition_of_its_queue_the_others_are_shown_and_it_is_named(
    own_redis: RedisServer, own_database: Database, tmp_path: Path
) -> None:
    """The answer and every page of the console name the partition that is away, and the ledger is unknown then, however
    new its last reading is."""
    away, four = Partitions(4)[2].writes, {"HOLDFAST_QUEUE_PARTITIONS": "4"}
    service = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn, **four).start()

    def overview() -> Any:
        return ask(service, "/dlq/overview").json()["data"]

    try:
        wait_until(lambda: overview()["ledger"], what="the ledger is read")
        with own_redis.client() as client:
            client.delete(away)
            client.set(away, "no stream")
        seen = overview()
        assert (seen["backlog"]["depth"], seen["partitions_away"], seen["ledger"]) == (0, [2], None)
        with service.client() as console:
            console.post("/console/login", data={"key": keys.OPERATOR})
            strip = console.get("/console/strip").text
        assert ("<b>Queue</b> without partition 2" in strip, "balanced" in strip) == (True, False)
        assert "<b>Ledger</b> unknown without partition 2" in strip
        with own_redis.client() as client:
            client.delete(away)
        assert overview()["partitions_away"] == []
    finally:
        service.kill()
