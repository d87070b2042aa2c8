"""An entry that a build does not know waits for a build that does: uncharged, without blocking other entries, and for a
limited time."""

import json
import random
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from holdfast.services.writer.unknown import Unknown
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.build import build
from holdfast.shared.queue.codec import UnknownWrite
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.names import APIS, WRITERS, WRITERS_GROUP, WRITES
from holdfast.shared.writes.outcome import Dead, Retry
from tests.conftest import migrate
from tests.integration.conftest import StartWriter
from tests.servers import PATIENT_REDIS, Database, RedisServer, wait_until
from tests.stream import Stream, new_user

_HEAD = """
from typing import Annotated
from holdfast.shared.domain.field_types import Integer, Slug, Text
from holdfast.shared.domain.resource import Backfill, Resource
from holdfast.shared.domain.users import User

"""
_NOTES = f"""{_HEAD}
class Note(Resource, plural="notes"):
    text: Annotated[str, Text(max_chars=100)]
    price: Annotated[int, Integer()]
"""
#: One required field is gone, another one is new, and a text may be longer.
_CHANGED = f"""{_HEAD}
class Note(Resource, plural="notes", removed=["price"]):
    text: Annotated[str, Text(max_chars=200)]
    language: Annotated[str, Slug(), Backfill("en")]
"""


def entry(**fields: str) -> Mapping[str | bytes, str | bytes]:
    """Return the entry of a new user with these fields replaced. Its version is the first of its millisecond, so that
    it is not newer than its entry."""
    payload = json.dumps({"name": "Ann", "email": f"{uuid.uuid4().hex}@example.com"})
    ids = {
        "operation_id": str(uuid.uuid4()),
        "entity_id": str(uuid.uuid4()),
        "version": str(time.time_ns() // 1_000_000 * 1000),
    }
    made = {"schema": "2", "resource": "users", "command": "CreateUser", "payload": payload} | ids | fields
    return cast(Any, made)


def note(payload: str = '{"text": "x", "price": 5}', **fields: str) -> Mapping[str | bytes, str | bytes]:
    """Return the entry of a resource that only newer builds have."""
    return entry(resource="notes", command="CreateNote", payload=payload, **fields)


class Builds:
    """Makes builds that know notes."""

    def __init__(self, folder: Path, database: Database) -> None:
        self._folder = folder
        self._database = database

    def make(self, name: str, source: str) -> dict[str, str]:
        """Migrate the database for a new build and return the build's environment."""
        (self._folder / f"notes_{name}.py").write_text(source)
        environment = {"HOLDFAST_DOMAIN": f"notes_{name}", "PYTHONPATH": str(self._folder)}
        migrate(self._database.dsn, **environment)
        return environment

    def rows(self, columns: str) -> list[tuple[Any, ...]]:
        """Return these columns of the notes that were created."""
        with self._database.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT {columns} FROM notes WHERE created_version > 0 ORDER BY created_version")
            return list(cursor.fetchall())


@pytest.fixture
def builds(own_database: Database, tmp_path: Path) -> Iterator[Builds]:
    """The builds of a test; none exists yet."""
    yield Builds(tmp_path, own_database)
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS notes")


def test_it_waits_for_a_writer_that_knows_it(stream: Stream, start_writer: StartWriter, builds: Builds) -> None:
    """Unknown entries wait uncharged for a newer writer, even more of them than would halt a writer, while the known
    writes before and between them are applied at once."""
    old = start_writer("old", HOLDFAST_WRITER_UNKNOWN_PATIENCE_S="600", HOLDFAST_WRITER_DEAD_SHARE_OVER="20")
    users = [new_user() for _ in range(20)]
    stream.add_raw(*(note() for _ in range(40)))
    stream.accept(users)
    stream.add_raw(*(note() for _ in range(40)))
    wait_until(lambda: len(stream.ended()) == 20, what="what is known is applied")
    wait_until(lambda: [each["times_delivered"] for each in stream.pending()] == [0] * 80, what="the rest is let go")
    assert (stream.charged(), stream.dead(), old.ready()) == ([], [], True)
    start_writer("new", **builds.make("first", _NOTES))
    wait_until(lambda: stream.backlog() == 0, what="the newer writer has done it")
    assert len(builds.rows("id")) == 80
    assert stream.dead() == []


def test_a_required_field_comes_and_another_goes_while_two_builds_run(
    stream: Stream, start_writer: StartWriter, builds: Builds, own_redis: RedisServer
) -> None:
    """If the apis are updated first, writes that the older writer cannot decode wait for a newer writer while the newer
    api runs; once only newer writers run, an older api's writes are applied at once. No write is dead-lettered,
    whichever fields are required."""
    first = builds.make("first", _NOTES) | {"HOLDFAST_WRITER_UNKNOWN_PATIENCE_S": "0"}
    changed = builds.make("changed", _CHANGED)
    older, newer = {"build": "1.0.0+a.1"}, {"build": "1.0.0+a.2"}
    old = start_writer("old", **first)
    with own_redis.client() as redis:

        def the_newer_api_runs() -> None:
            redis.hset(APIS, "api-2", f"{redis.time()[0]} {newer['build']}")

        def let_go() -> bool:
            the_newer_api_runs()
            return [each["times_delivered"] for each in stream.pending()] == [0, 0] and len(stream.ended()) == 1

        the_newer_api_runs()
        long = "long" * 40
        stream.add_raw(
            note('{"text": "one", "language": "de"}', **newer),
            note(**older),
            note(json.dumps({"text": long, "price": 5}), **newer),
        )
        wait_until(let_go, what="the older writer has done what it knows, and let go of the rest")
        assert (stream.charged(), stream.dead()) == ([], [])
    start_writer("new", **changed)
    wait_until(lambda: stream.backlog() == 0, what="the newer writer has done it")
    old.kill()
    stream.add_raw(note('{"text": "last", "price": 7}', **older))
    wait_until(lambda: stream.backlog() == 0, what="and what an older api accepts")
    assert stream.dead() == []
    assert sorted(builds.rows("text, language")) == sorted([
        ("x", "en"), ("one", "de"), (long, "en"), ("last", "en"),
    ])  # fmt: skip


def test_what_no_writer_knows_is_dead_lettered_in_the_end(stream: Stream, start_writer: StartWriter) -> None:
    """Each kind of unknown entry is dead-lettered with the reason and none of its data, and the writer continues."""
    writer = start_writer(HOLDFAST_WRITER_DEAD_SHARE_OVER="20")
    unknown = {
        "unknown schema": entry(schema="3"),
        "unknown resource": entry(resource="notes", command="CreateNote"),
        "unknown command": entry(command="MergeUser"),
        "payload is not a CreateUser": entry(payload='{"name": "Ann", "email": "a@b.example", "phone": "123-456"}'),
    }
    stream.add_raw(*(each for each in unknown.values() for _ in range(10)))
    wait_until(lambda: len(stream.dead()) == 40, what="all are dead")
    errors = sorted({each[b"error"].decode() for each in stream.dead()})
    assert len(errors) == 4
    assert all(any(error.startswith(start) for error in errors) for start in unknown), errors
    assert "123-456" not in str(errors)
    assert {each[b"reason"] for each in stream.dead()} == {b"undecodable"}
    user = new_user()
    stream.accept([user])
    stream.wait_for_end([user])
    assert writer.ready()


@pytest.mark.parametrize("among", [WRITERS, APIS])
async def test_nothing_is_given_up_while_another_build_runs(clean_redis: RedisServer, among: str) -> None:
    """The patience for an unknown entry begins when the last writer or api of another build is gone."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    await ensure_groups(redis)
    await redis.xadd(WRITES, {"schema": "3"})
    found: Any = await redis.xreadgroup(WRITERS_GROUP, "one", {WRITES: ">"})
    entry_id = found[0][1][0][0]
    unknown = Unknown(redis, "one", idle_s=30, patience_s=0)
    taken: list[str] = []

    async def take(ids: list[str]) -> None:
        taken.extend(ids)
        assert isinstance(unknown.met(ids[0], UnknownWrite("unknown schema")), Dead)
        await redis.xack(WRITES, WRITERS_GROUP, *ids)

    seconds, _ = await redis.time()
    await redis.hset(WRITERS, "one", f"{seconds} {build()}")
    await redis.hset(among, "two", f"{seconds} another")
    assert unknown.met(entry_id.decode(), UnknownWrite("unknown schema")) == Retry()
    await unknown._let_go()
    [pending] = await redis.xpending_range(WRITES, WRITERS_GROUP, "-", "+", 10, idle=30_000)
    assert pending["times_delivered"] == 0
    await unknown._give_up(take)
    assert taken == []
    await redis.hdel(among, "two")
    await unknown._give_up(take)
    assert taken == [entry_id.decode()]
    unknown._fresh.clear()
    await unknown.forget_settled(set())
    assert unknown.ids == frozenset()
    await redis.aclose()


async def test_writers_that_pass_an_entry_around_give_it_up(clean_redis: RedisServer) -> None:
    """When writers take over an unknown entry from one another, each remembers it until it is settled, even while
    another writer has it in hand."""
    redis, chance = connect(clean_redis.address, PATIENT_REDIS), random.Random(5)
    await ensure_groups(redis)
    entry_id = (await redis.xadd(WRITES, {"schema": "3"})).decode()
    await redis.xreadgroup(WRITERS_GROUP, "0", {WRITES: ">"})
    writers = [Unknown(redis, str(number), idle_s=30, patience_s=0) for number in range(3)]
    for number in range(12):
        holder = number % 3
        await redis.xclaim(WRITES, WRITERS_GROUP, str(holder), 0, [entry_id], justid=True)
        assert writers[holder].met(entry_id, UnknownWrite("unknown schema")) == Retry()
        for other in chance.sample(writers, 3):  # the entry is in hand, so no writer sees it as waiting
            await other.forget_settled(set())
        await writers[holder]._let_go()
        met = writers[: number + 1]
        assert [each.ids for each in met] == [frozenset({entry_id})] * len(met)
    await redis.xack(WRITES, WRITERS_GROUP, entry_id)
    for each in writers:
        await each.forget_settled(set())
        assert each.ids == frozenset()
    await redis.aclose()
