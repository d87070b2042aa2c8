"""An api queues only writes that every running writer can decode, and applies the rest itself."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from holdfast.shared.queue.names import APIS, WRITERS
from tests import processes
from tests.integration.conftest import StartWriter
from tests.integration.test_writer_unknown import Builds
from tests.integration.test_writer_unknown import builds as builds
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream

_NOTES = """
from typing import Annotated
from holdfast.shared.domain.field_types import Slug, Text
from holdfast.shared.domain.resource import Resource
from holdfast.shared.domain.users import User

class Note(Resource, plural="notes"):
    text: Annotated[str, Text(max_chars=100)]
"""
_WITH_LANGUAGE = _NOTES + "    language: Annotated[str, Slug()] | None = None\n"


@pytest.fixture
def api(own_redis: RedisServer, own_database: Database, builds: Builds, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of an api whose build has notes with a language."""
    builds.make("before", _NOTES)
    newer = builds.make("newer", _WITH_LANGUAGE)
    service = processes.api(tmp_path, own_redis.address, own_database.dsn, **newer).start()
    with service.client() as client:
        yield client
    service.kill()


def _way(answer: httpx.Response) -> str:
    assert answer.is_success, answer.text
    return "queue" if answer.status_code == 202 else str(answer.json()["meta"]["way"])


def _until(way: str, send: Callable[[], httpx.Response], what: str) -> None:
    wait_until(lambda: _way(send()) == way, what=what)


def test_what_is_new_is_applied_until_every_writer_knows_it(
    stream: Stream, own_redis: RedisServer, start_writer: StartWriter, api: httpx.Client, tmp_path: Path
) -> None:
    """A write that sets a field which the older writer does not know is applied directly, as is a PUT without that
    field, which sets it to null. Any other write is queued, and leaves that field as it is. Once only the newer writer
    runs, all writes are queued."""
    environment = {"HOLDFAST_DOMAIN": "notes_before", "PYTHONPATH": str(tmp_path)}
    old = start_writer("old", HOLDFAST_WRITER_UNKNOWN_PATIENCE_S="0", **environment)
    user = {"name": "Ann", "email": "ann@example.com"}

    def note() -> httpx.Response:
        return api.post("/notes", json={"text": "x", "language": "de"})

    _until("direct", note, "the older writer is seen")
    path = f"/notes/{note().json()['data']['id']}"
    assert _way(api.patch(path, json={"language": "en"})) == "direct"
    known = [api.patch(path, json={"text": "y"}), api.post("/users", json=user)]
    assert [_way(each) for each in known] == ["queue", "queue"]
    operations = {each.json()["data"]["operation_id"] for each in known}
    wait_until(lambda: operations <= stream.ended().keys(), what="the older writer applies what it knows")
    assert (there := api.get(path).json()["data"])["language"] == "en", there
    assert there["text"] == "y"
    assert _way(api.put(path, json={"text": "z"})) == "direct"
    assert api.get(path).json()["data"]["language"] is None
    start_writer("new", **(environment | {"HOLDFAST_DOMAIN": "notes_newer"}))
    assert _way(note()) == "direct"
    old.kill()
    with own_redis.client() as redis:
        redis.hdel(WRITERS, "old")  # as after the timeout of its presence
    _until("queue", note, "only the newer writer runs")
    wait_until(lambda: stream.backlog() == 0, what="all is applied")
    assert stream.dead() == []


def test_a_writer_that_reports_nothing(own_redis: RedisServer, api: httpx.Client) -> None:
    """A writer of an earlier build reports no details: with the same declaration it counts as knowing every write, and
    otherwise none."""
    with own_redis.client() as redis:
        wait_until(lambda: redis.hlen(APIS), what="the api has reported its build")
        [entry] = redis.hvals(APIS)
        same = entry.decode().partition(" ")[2]

        def goes(way: str, build: str) -> bool:
            redis.hset(WRITERS, "writer-1", f"{redis.time()[0]} {build}")
            return _way(api.post("/notes", json={"text": "x"})) == way

        assert _way(api.post("/notes", json={"text": "x"})) == "queue"  # no writer runs
        wait_until(lambda: goes("direct", "1.0.0+a.another"), what="another declaration")
        wait_until(lambda: goes("queue", same), what="the same declaration")
