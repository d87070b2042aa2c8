"""Pages are in the order of creation: a walk by cursor sees each entity once, whatever is created meanwhile."""

import random
from collections.abc import Iterator

import pytest

from holdfast.shared.store import reads
from holdfast.shared.store.apply import apply
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes.commands import Write
from holdfast.shared.writes.decide import Delivery
from tests.servers import PATIENT_DATABASE, Database
from tests.users import USERS, create_user

_USERS = 30


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """On an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 2)
    yield made
    made.dispose()


@pytest.mark.parametrize("limit", [1, 7, _USERS])
def test_a_walk_sees_each_once_in_the_order_of_creation(engine: Engine, limit: int) -> None:
    """Ids and the order in which they are stored say nothing; one more is created after each page."""
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
