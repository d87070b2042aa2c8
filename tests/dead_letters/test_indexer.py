"""A dead letter is stored in the table, and only then removed from the stream, whichever process dies or is away
meanwhile."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.services.dlq_admin.database import Database as DatabaseOfOurs
from holdfast.services.dlq_admin.letters.search import Letters
from holdfast.services.dlq_admin.writers import Running
from holdfast.shared.connections.redis import connect
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.find import whole
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.letter import read
from holdfast.shared.queue.names import DEAD, OPERATION, WRITES
from holdfast.shared.store.engine import Engine, make_engine
from tests import letters, processes
from tests.client import fetch
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer, wait_until

Start = Callable[..., processes.Service]


@pytest.fixture
def start(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[Start]:
    """A function that starts dlq_admins on servers that the test may break; they end with the test."""
    started: list[processes.Service] = []

    def start(name: str = "dlq-1", module: str = "holdfast.services.dlq_admin", **more: str) -> processes.Service:
        service = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn, name, module, **more)
        started.append(service)
        return service.start(wait=module == "holdfast.services.dlq_admin")

    yield start
    for service in started:
        service.kill()


def bury(server: RedisServer, count: int, **about: Any) -> list[str]:
    """Put dead letters on the stream in one transaction, and return their ids."""
    with server.client() as client, client.pipeline(transaction=True) as pipeline:
        for _ in range(count):
            pipeline.xadd(DEAD, letters.fields(**about))
        return [id.decode() for id in pipeline.execute()]


def rows(database: Database, query: str) -> list[tuple[Any, ...]]:
    """Return the rows of a query."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def indexed(database: Database) -> int:
    """Return the number of letters in the table."""
    return int(rows(database, "SELECT COUNT(*) FROM dead_letters")[0][0])


def left(server: RedisServer) -> tuple[int, int]:
    """Return the number of entries on the stream, and the number of unacknowledged deliveries."""
    with server.client() as client:
        groups: Any = client.xinfo_groups(DEAD)  # no group yet, if the service has just started
        return client.xlen(DEAD), sum(each["pending"] for each in groups)


async def test_letters_move_from_the_stream_into_the_table(
    own_redis: RedisServer, own_database: Database, start: Start
) -> None:
    """Letters move into the table, also those from before the first start. The table then answers for their operations,
    and the ledger counts each letter once at any moment."""
    operation = str(uuid.uuid4())
    [letter_id] = bury(own_redis, 1, operation_id=operation)
    other = str(uuid.uuid4())
    bury(own_redis, 1, operation_id=other)
    with own_redis.client() as client:
        client.hset(OPERATION + operation, mapping={"status": "dead_lettered", "letter": letter_id, "version": 1})
        client.hset(OPERATION + other, mapping={"user": "u", "version": 2})  # it was sent again after it died
    bury(own_redis, 1500)
    redis = connect(own_redis.address, PATIENT_REDIS)
    engine = make_engine(own_database.dsn, PATIENT_DATABASE, 2)
    assert (await read_ledger(redis, engine)).dead_lettered == 1502
    start()
    wait_until(lambda: left(own_redis) == (0, 0), what="the stream is empty")
    assert indexed(own_database) == 1502
    assert (await read_ledger(redis, engine)).dead_lettered == 1502
    with own_redis.client() as client:
        assert client.keys(OPERATION + "*") == [(OPERATION + other).encode()]
    await redis.aclose()
    engine.dispose()


@pytest.mark.parametrize("who", [None, Actor("ann", "operate", "because", "req_12345678")], ids=["masked", "revealed"])
async def test_a_letter_is_found_while_it_is_indexed(
    own_redis: RedisServer, own_database: Database, monkeypatch: pytest.MonkeyPatch, who: Actor | None
) -> None:
    """A letter that moves from the stream into the table between the reads of both is still found."""
    redis, engine = connect(own_redis.address, PATIENT_REDIS), make_engine(own_database.dsn, PATIENT_DATABASE, 2)
    database = DatabaseOfOurs(engine, threads=1, background=1, audit=1, read_timeout_s=30)
    letter_id, fields = "1764000000000-0", letters.fields()
    look = whole.whole

    def moved_after_the_first_look(engine: Engine, number: int) -> whole.Whole | None:
        found = look(engine, number)
        index.index(engine, [read(letter_id, fields)])
        return found

    monkeypatch.setattr(whole, "whole", moved_after_the_first_look)
    try:
        found = await Letters(database, redis, Running(redis), most=1).one(letter_id, who=who)
    finally:
        database.close()
        await redis.aclose()
    assert (found.id, found.indexed, found.masked) == (letter_id, True, who is None)


def test_killed_between_commit_and_acknowledge(own_redis: RedisServer, own_database: Database, start: Start) -> None:
    """After a kill between commit and acknowledgement another replica takes over the pending entries, and every letter
    is in the table once and counted once."""
    bury(own_redis, 700)
    dying = start("dlq-dying", "tests.dead_letters.half_indexed")
    dying.wait()
    committed = indexed(own_database)
    assert 0 < committed <= 700
    assert left(own_redis)[0] == 700, "nothing was acknowledged"
    start("dlq-2")
    wait_until(lambda: left(own_redis) == (0, 0), what="the stream is empty")
    assert indexed(own_database) == 700
    assert rows(own_database, "SELECT SUM(dead), SUM(entities) FROM dead_letter_groups") == [(700, 700)]
    assert rows(own_database, "SELECT COUNT(DISTINCT letter_id) FROM dead_letter_bodies") == [(700,)]


def test_killed_again_and_again(own_redis: RedisServer, own_database: Database, start: Start) -> None:
    """No letter is lost or stored twice while two replicas are killed with SIGKILL in turn and more letters arrive."""
    total = 0
    services = [start(f"dlq-{number}") for number in range(2)]
    for turn in range(3):
        total += len(bury(own_redis, 400))
        victim = services[turn % 2]
        wait_until(lambda: left(own_redis)[0] < 400, what="it works")
        victim.kill()
        victim.start(wait=False)
    wait_until(lambda: left(own_redis) == (0, 0), what="the stream is empty")
    assert indexed(own_database) == total
    assert rows(own_database, "SELECT SUM(dead) FROM dead_letter_groups") == [(total,)]


def test_without_its_database_nothing_leaves_the_stream(
    own_redis: RedisServer, own_database: Database, start: Start
) -> None:
    """Without its database dlq_admin holds, reports it, and continues when the database is back; stopping a replica
    meanwhile loses no letter."""
    service = start()
    own_database.kill()
    bury(own_redis, 30)
    wait_until(lambda: service.metric('holdfast_holding{dependency="database"}') == 1, what="it holds")
    assert left(own_redis)[0] == 30
    health = fetch("GET", f"{service.url}/health")
    assert (health.status_code, health.json()["data"]["status"]) == (200, "degraded")
    assert service.stop() == 0
    again = start("dlq-2")
    own_database.start()
    wait_until(lambda: left(own_redis) == (0, 0), what="the stream is empty")
    assert indexed(own_database) == 30
    wait_until(lambda: again.metric('holdfast_holding{dependency="database"}') == 0, what="all is well")


def test_what_the_table_does_not_take_stays_alone(own_redis: RedisServer, own_database: Database, start: Start) -> None:
    """A letter that cannot be stored keeps no other letter out of the table, and stays on the stream until it can be
    stored."""
    trigger = (
        "CREATE TRIGGER picky BEFORE INSERT ON dead_letters FOR EACH ROW"
        " IF NEW.code = 'picky' THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1644; END IF"
    )
    with own_database.connect(user="root") as connection, connection.cursor() as cursor:
        cursor.execute(trigger)
    try:
        bury(own_redis, 20)
        [picky] = bury(own_redis, 1, code="picky")
        with own_redis.client() as client:
            client.xadd(DEAD, {b"\xff": b"not a letter at all", b"attempts": b"[1, {}]", b"dead_at": b"yesterday"})
            client.xadd(DEAD, {b"reason": b"\xff" * 5000, b"last_attempt": json.dumps([1]).encode()})
        bury(own_redis, 20)
        service = start()
        wait_until(lambda: left(own_redis)[0] == 1, what="the others are in")
        assert indexed(own_database) == 42
        assert service.metric("holdfast_letters_unindexable_total") >= 1
        with own_redis.client() as client:
            assert [id.decode() for id, _ in client.xrange(DEAD)] == [picky]
    finally:
        with own_database.connect(user="root") as connection, connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER picky")
    wait_until(lambda: left(own_redis) == (0, 0), what="it is tried again")


def test_a_lost_group_is_made_again(own_redis: RedisServer, own_database: Database, start: Start) -> None:
    """After a FLUSHALL the indexer makes its group again, and indexes the letters that come afterwards."""
    start()
    bury(own_redis, 3)
    wait_until(lambda: indexed(own_database) == 3, what="it works")
    with own_redis.client() as client:
        client.flushall()
    bury(own_redis, 5)
    wait_until(lambda: indexed(own_database) == 8, what="it works again")


async def test_letters_put_there_by_hand_leave_the_books_balanced(
    own_redis: RedisServer, own_database: Database, start: Start
) -> None:
    """The ledger balances with letters put on the stream by hand, for which no write was accepted: without an entry,
    with a copy of another letter's entry, and with an id that no table takes."""
    bury(own_redis, 3)
    with own_redis.client() as client:
        dead = client.xrange(DEAD)[0][1]
        for fields in (
            {b"note": b"a"},
            {b"entry_id": b"1-x", b"reason": b"unknown"},
            letters.fields(entry_id=""),
            dead,
        ):
            client.xadd(DEAD, fields)
    redis = connect(own_redis.address, PATIENT_REDIS)
    engine = make_engine(own_database.dsn, PATIENT_DATABASE, 2)
    with own_redis.client() as client:  # stands for the accepted and settled entries of the three
        for _ in range(3):
            client.xdel(WRITES, client.xadd(WRITES, {"command": "CreateUser"}))
        client.xadd(DEAD, {b"note": b"b"}, id=b"99999999999999-0")
    start()
    wait_until(lambda: left(own_redis)[0] == 1, what="all but the one no table takes is off the stream")
    ledger = await read_ledger(redis, engine)
    assert (ledger.missing, ledger.accepted, ledger.dead_lettered, ledger.imported) == (0, 8, 8, 5), ledger
    await redis.aclose()
    engine.dispose()
