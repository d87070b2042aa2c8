"""A halted writer continues: on its own when the fault has ended, or by an operator's word when the fault is
permanent."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from holdfast.services.dlq_admin.cli.main import main
from holdfast.shared.queue.names import WRITERS_GROUP, WRITES
from tests import keys, processes
from tests.client import fetch
from tests.integration.conftest import StartWriter
from tests.integration.test_api_accepts import error_of
from tests.integration.test_writer_dead_letters import POISON, altered
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream, new_user

_HALTS_SOON = {
    "HOLDFAST_WRITER_DEAD_SHARE_OVER": "40", "HOLDFAST_WRITER_BATCH_MAX": "20", "HOLDFAST_WRITER_HALT_PAUSE_MAX_S": "2",
}  # fmt: skip


@pytest.fixture
def admin(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[processes.Service]:
    """A dlq_admin on the same servers."""
    service = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn).start()
    yield service
    service.kill()


def _ask(admin: processes.Service, method: str, path: str, key: str = keys.OPERATOR, **more: Any) -> httpx.Response:
    with admin.client(headers={"Authorization": f"Bearer {key}"}) as client:
        return client.request(method, path, **more)


def _halted(admin: processes.Service) -> list[dict[str, Any]]:
    writers = _ask(admin, "GET", "/dlq/writers").json()["data"]
    return [one for one in writers if one["halted"]]


def _tries(writer: processes.Service) -> int:
    found = re.search(r"(\d+) tries", fetch("GET", f"{writer.url}/readyz").text)
    return int(found[1]) if found else 0


def test_it_goes_on_by_itself_when_the_fault_has_gone(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """While a column is too short for every write, a halted writer retries and dead-letters nothing. When the column is
    restored, all kept entries are applied without an operator."""
    broken, restore = "ALTER TABLE users MODIFY name VARCHAR(3) NOT NULL", (
        "ALTER TABLE users MODIFY name VARCHAR(200) NOT NULL"
    )  # fmt: skip
    writes = [new_user("much too long") for _ in range(70)]
    with altered(own_database, broken, restore):
        stream.accept(writes)
        writer = start_writer(**_HALTS_SOON)
        wait_until(lambda: not writer.ready(), what="the writer is halted")
        wait_until(lambda: _tries(writer) >= 1, what="it has tried, so what was in hand when it halted is settled")
        before = len(stream.dead())
        wait_until(lambda: _tries(writer) >= 2, what="it has tried twice")
        check = fetch("GET", f"{writer.url}/readyz").json()["data"]["checks"]["dead_share"]
        assert "invalid_data" in check["detail"]
        assert len(stream.dead()) == before < 20
    wait_until(lambda: stream.backlog() == 0, what="everything that was kept is applied")
    wait_until(writer.ready, what="it is ready again")
    assert len(stream.dead()) == before
    assert len(stream.ended()) + before == len(writes)
    wait_until(lambda: '"writer_went_on"' in writer.log.read_text(), what="it says so")
    assert writer.log.read_text().count('"writer_halted"') <= 2 * 2


def test_it_goes_on_when_others_ended_all_that_it_kept(
    stream: Stream, start_writer: StartWriter, own_redis: RedisServer
) -> None:
    """A halted writer continues when other writers have ended all entries that it kept, although no entry is left whose
    retry could end the halt."""
    ids = stream.add_raw(*[POISON | {b"number": str(number).encode()} for number in range(70)])
    writer = start_writer(**_HALTS_SOON)
    wait_until(lambda: _tries(writer) >= 1, what="the writer is halted, and has tried")
    with own_redis.client() as client:
        client.xack(WRITES, WRITERS_GROUP, *ids)
        client.xdel(WRITES, *ids)
    good = [new_user() for _ in range(10)]
    stream.accept(good)
    stream.wait_for_end(good)
    wait_until(writer.ready, what="it is ready again")


def test_it_goes_on_when_its_group_went_with_what_it_kept(
    stream: Stream, start_writer: StartWriter, own_redis: RedisServer
) -> None:
    """A halted writer, which reads nothing that would show a missing group, creates the group again after the queue was
    flushed, and continues."""
    stream.add_raw(*[POISON | {b"number": str(number).encode()} for number in range(70)])
    writer = start_writer(**_HALTS_SOON)
    wait_until(lambda: not writer.ready(), what="the writer is halted")
    with own_redis.client() as client:
        client.flushall()
    wait_until(writer.ready, what="it goes on")
    good = [new_user() for _ in range(10)]
    stream.accept(good)
    stream.wait_for_end(good)
    assert '"writer_went_on"' in writer.log.read_text()


def test_an_operators_word_lets_it_go_on(
    stream: Stream, start_writer: StartWriter, admin: processes.Service, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """The halt and its reason are shown at `/dlq/writers` and at the command line. An operator's order to continue is
    recorded; after it, bad entries become dead letters and good entries are applied."""
    good = [new_user() for _ in range(10)]
    stream.add_raw(*[POISON | {b"number": str(number).encode()} for number in range(70)])
    stream.accept(good)
    writer = start_writer(**_HALTS_SOON)
    wait_until(lambda: _halted(admin), what="dlq_admin knows that the writer is halted")
    [halted] = _halted(admin)
    assert halted["name"] == "writer-1"
    assert halted["halted"]["would_be_dead"] > 0
    assert halted["halted"]["why"].startswith("undecodable")
    monkeypatch.setenv("HOLDFAST_DLQ_URL", admin.url)
    monkeypatch.setenv("HOLDFAST_DLQ_KEY", keys.VIEWER)
    assert main(["writers"]) == 0
    assert "undecodable" in capsys.readouterr().out
    assert main(["go-on", "--reason", "not mine to say"]) == 1, "a viewer may not"
    monkeypatch.setenv("HOLDFAST_DLQ_KEY", keys.OPERATOR)
    assert main(["go-on", "--reason", "looked at it", "--dry-run"]) == 0
    assert "writer-1" in capsys.readouterr().out
    unknown = _ask(admin, "POST", "/dlq/writers/go-on", json={"reason": "ok!", "writer": "else", "dry_run": True})
    assert (unknown.status_code, error_of(unknown)["code"]) == (404, "WRITER_NOT_FOUND")
    assert main(["go-on", "--reason", "a slip", "--writer", "writer-l"]) == 1
    assert "writer-l" in capsys.readouterr().err
    assert main(["go-on", "--reason", "all of it is test data"]) == 0
    wait_until(lambda: stream.backlog() == 0, what="everything is over")
    assert len(stream.dead()) + _indexed(admin) >= 70
    stream.wait_for_end(good)
    wait_until(writer.ready, what="it is ready again")
    wait_until(lambda: not _halted(admin), what="it is halted no longer")
    [record] = _ask(admin, "GET", "/dlq/audit", params={"action": "go_on"}).json()["data"]
    assert (record["reason"], record["letters"]) == ("all of it is test data", 0)
    assert "writer-1" in record["details"]["halted"]
    idle = _ask(admin, "POST", "/dlq/writers/go-on", json={"reason": "ok!", "writer": "writer-1"})
    assert idle.json()["data"] == {"dry_run": False, "writers": []}, "it runs, and is not halted"


def _indexed(admin: processes.Service) -> int:
    return int(_ask(admin, "GET", "/dlq/overview").json()["data"]["letters"]["dead"])
