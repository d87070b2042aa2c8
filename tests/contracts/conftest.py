"""Fixtures: each subject in turn."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import pytest

from tests.contracts import database_subjects, redis_subjects
from tests.contracts.database_subjects import Subject as DatabaseSubject
from tests.contracts.redis_subjects import Subject
from tests.contracts.redis_wire import Wire
from tests.servers import Database, RedisServer

OTHER_REDIS = os.environ.get("CONTRACT_REDIS")
OTHER_DATABASE = os.environ.get("CONTRACT_DATABASE")


def address(request: pytest.FixtureRequest) -> str:
    """Return the address of the real server that the parameter names."""
    if request.param == "other":
        return str(OTHER_REDIS)
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.address


@pytest.fixture(params=["model", "real", *(["other"] if OTHER_REDIS else [])])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """A Redis under contract, empty."""
    async with redis_subjects.model() if request.param == "model" else redis_subjects.real(address(request)) as made:
        yield made


@pytest.fixture(params=["real", *(["other"] if OTHER_REDIS else [])])
def wire(request: pytest.FixtureRequest) -> Iterator[Wire]:
    """A connection to each real server in turn."""
    with closing(Wire(address(request))) as made:
        yield made


@pytest.fixture(scope="module", params=["model", "real", *(["other"] if OTHER_DATABASE else [])])
def database_subject(request: pytest.FixtureRequest) -> Iterator[DatabaseSubject]:
    """A database under contract."""
    if request.param == "model":
        with database_subjects.model() as made:
            yield made
        return
    if request.param == "other":
        with database_subjects.real(str(OTHER_DATABASE)) as found:
            yield found
        return
    server: Database = request.getfixturevalue("database")
    with database_subjects.real(server.dsn, lambda: server.connect(user="root", database=None)) as found:
        yield found
