"""Reads that are batched: one statement and one query of the queue for many reads, each with its own result."""

import asyncio
import random
from collections.abc import Iterator
from typing import Any

import pytest

from holdfast.shared.connections.closed import is_closed
from holdfast.shared.connections.redis import connect
from holdfast.shared.faults import Unexplained
from holdfast.shared.queue.entities import pending_name
from holdfast.shared.queue.names import PREFIX
from holdfast.shared.queue.pending import PendingWrites, pending_writes
from holdfast.shared.store import reads
from holdfast.shared.store.engine import Engine, make_engine, reading, transaction
from holdfast.shared.store.statements import entity_from, statements_of
from holdfast.shared.writes.merge import row_of
from tests.database_faults import as_root
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer, wait_until
from tests.users import USERS, user_ref, user_row

_VERSION = 1_764_000_000_000_000
_IDS = [f"0199d5a8-0000-7000-8000-{number:012d}" for number in range(20)]


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine for reads, on a database with twenty users."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, pool_size=2, transactions=False)
    rows = [
        user_row(id, f"User {at}", _VERSION, f"{at}@example.com", f"{at}@example.com", _VERSION, _VERSION + at)
        for at, id in enumerate(_IDS)
    ]
    with clean_database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(statements_of(USERS).insert, [row_of(row) for row in rows])
        connection.commit()
    yield made
    made.dispose()


def test_each_gets_its_own_row_whatever_is_asked_for_beside_it(engine: Engine) -> None:
    """Each id of a batch gets the same result as a separate read, also beside ids without a row."""
    missing = [id.replace("8000", "9000") for id in _IDS[:5]]
    asked = random.sample([*_IDS, *missing], 15)
    found = reads.entities(engine, USERS, asked)
    assert list(found) == asked
    for id in asked:
        assert found[id] == reads.entity(engine, USERS, id)
        assert (found[id] is None) == (id in missing)


def test_a_row_that_does_not_decode_is_its_readers_alone(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that cannot be decoded, by our code or by the driver, is an error for its own reader and for no other
    reader of the batch."""
    poison = _IDS[7]

    def decode(resource: Any, row: Any) -> Any:
        if row[0] == poison:
            raise ValueError(poison)
        return entity_from(resource, row)

    with monkeypatch.context() as patched:
        patched.setattr(reads, "entity_from", decode)
        found = reads.entities(engine, USERS, _IDS)
    assert {id for id, row in found.items() if isinstance(row, Exception)} == {poison}

    whole = reads._rows

    def read(engine: Engine, resource: Any, ids: Any) -> Any:
        if poison in ids:
            raise Unexplained("UnicodeDecodeError")
        return whole(engine, resource, ids)

    monkeypatch.setattr(reads, "_rows", read)
    found = reads.entities(engine, USERS, _IDS)
    assert {id for id, row in found.items() if isinstance(row, Exception)} == {poison}
    with pytest.raises(Unexplained):  # the whole call failed, so the breaker has to count it
        reads.entities(engine, USERS, [poison])


def test_a_read_costs_one_statement_and_no_transaction_gets_its_connection(
    engine: Engine, clean_database: Database
) -> None:
    """A read sends one statement, without a ping before it or a rollback after it, and an engine for reads refuses to
    begin a transaction."""
    reads.entities(engine, USERS, _IDS)
    before = _questions(engine)
    reads.entities(engine, USERS, _IDS)
    assert _questions(engine) - before == 2  # one read, and the query of the counter itself
    with pytest.raises(ValueError, match="transactions"), transaction(engine):
        pass


def test_a_connection_that_the_server_closed_is_not_used(engine: Engine, clean_database: Database) -> None:
    """When the server has closed a pooled connection, the next read succeeds on a new one."""
    with reading(engine) as connection:
        number = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one()
        own: Any = connection.connection.dbapi_connection
    as_root(clean_database, f"KILL {number}")
    wait_until(lambda: is_closed(own._sock.fileno()), what="the end of the connection")
    assert reads.entity(engine, USERS, _IDS[0]) is not None
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar_one() != number


def test_pending_writes_that_cannot_be_read_are_their_entitys_alone(clean_redis: RedisServer) -> None:
    """The pending writes of all entities are read in one round trip. A malformed value and a key of another type are
    errors for their own entities only."""
    refs = [user_ref(id) for id in _IDS[:4]]
    names = [PREFIX + pending_name(ref) for ref in refs]
    with clean_redis.client() as client:
        client.hset(names[1], "o-1", "no write")
        client.set(names[2], "no hash")
        client.hset(names[3], "o-2", f"{_VERSION} CreateThing {{}}")
        client.hset(names[3], "o-3", f"{_VERSION} DeleteUser;of_a_later_build=1 {{}}")

    async def look() -> dict[Any, PendingWrites | Exception]:
        redis = connect(clean_redis.address, PATIENT_REDIS)
        found = await pending_writes(redis, refs)
        await redis.aclose()
        return found

    nothing, formless, other, unknown = asyncio.run(look()).values()
    assert nothing == PendingWrites(())
    assert isinstance(formless, Exception)
    assert isinstance(other, Exception)
    assert unknown == PendingWrites([], unknown=True)


def _questions(engine: Engine) -> int:
    """Return how many statements this connection has sent."""
    with reading(engine) as connection:
        return int(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Questions'").one()[1])
