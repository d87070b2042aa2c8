"""Pages are in the order of creation: a client that follows the cursor sees each entity once, whatever is created
meanwhile."""

import random
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from holdfast.shared.letters.retention import tombstones
from holdfast.shared.store import reads
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.store.statements import statements_of
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.merge import row_of
from tests.servers import PATIENT_DATABASE, Database
from tests.users import USERS, create_user, user_row

_USERS = 30


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 2)
    yield made
    made.dispose()


@pytest.mark.parametrize("limit", [1, 7, _USERS])
def test_a_walk_sees_each_once_in_the_order_of_creation(engine: Engine, limit: int) -> None:
    """A client that follows the cursor sees each user once in the order of creation, whatever the ids and the order of
    storage are, although one user is created after each of the first pages."""
    chance = random.Random(limit)
    versions = list(range(1, _USERS + 1))
    chance.shuffle(versions)

    def create(version: int) -> None:
        user_id = f"{chance.getrandbits(32):08x}-0000-4000-8000-{version:012d}"
        write = Write(user_id, user_id, create_user("Ann", f"{version}@example.com"), version)
        apply(engine, [Delivery(write, f"{version}-0")], lambda _: False, lambda _: None)

    for version in versions:
        create(version)
    walked: list[int] = []
    after, newest = 0, _USERS
    while page := reads.page(engine, USERS, after, limit).entities:
        walked += [user.created_version for user in page]
        after = walked[-1]
        if newest < _USERS + 3:
            create(newest := newest + 1)
    assert walked == list(range(1, newest + 1))


_ENTITIES, _LIVE_EACH = 2000, 100


def _filled(engine: Engine) -> None:
    """Insert users in the order of creation, of whom one in a hundred is not deleted."""
    rows = [
        user_row(
            f"{number:08d}-0000-4000-8000-000000000000", "Ann", number,
            email_key=None if number % _LIVE_EACH else str(number), email_version=number, created_version=number,
            deleted_version=_ENTITIES + number if number % _LIVE_EACH else 0,
        )
        for number in range(1, _ENTITIES + 1)
    ]  # fmt: skip
    with engine.begin() as connection:
        connection.exec_driver_sql(statements_of(USERS).insert, [row_of(row) for row in rows])
        connection.exec_driver_sql("INSERT INTO operation_totals (id, purged_to) VALUES (1, %s)", (2 * _ENTITIES,))
        connection.exec_driver_sql(
            "INSERT INTO operations (operation_id, resource, entity_id, command, version, effect, entity_version,"
            " ended_at) VALUES ('newest', 'users', 'heartbeat', 'Heartbeat', %s, 'applied', 0, UTC_TIMESTAMP())",
            (3 * _ENTITIES,),
        )


def _rows_read(connection: sa.Connection) -> int:
    found = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all()
    return sum(int(value) for _, value in found)


def test_a_page_reads_no_tombstones(clean_database: Database) -> None:
    """A page at any position reads few rows, even if the next live user is far away; removing tombstones reads few more
    rows than it removes, and finding the newest version reads only the ends of indexes."""
    engine = make_engine(clean_database.dsn, PATIENT_DATABASE, 1)  # one connection, whose counter covers all reads
    _filled(engine)
    seen = []

    def cost(work: Callable[[], object]) -> int:
        with engine.connect() as connection:
            before = _rows_read(connection)
        work()
        with engine.connect() as connection:
            return _rows_read(connection) - before

    for after in (0, 1, _ENTITIES // 2, _ENTITIES - 1, _ENTITIES):
        read = cost(lambda after=after: seen.append(reads.page(engine, USERS, after, 5).entities))
        assert [user.created_version for user in seen[-1]] == list(range(after // 100 * 100 + 100, 2001, 100))[:5]
        assert read < _LIVE_EACH, after
    assert cost(lambda: reads.newest_version(engine)) < _LIVE_EACH
    read = cost(lambda: seen.append(tombstones.purge(engine, USERS, 4 * _ENTITIES, 0, 10)))
    assert (seen[-1], read < 2 * _LIVE_EACH) == (10, True)
    engine.dispose()
