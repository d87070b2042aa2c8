"""Fixtures: each subject in turn."""

import os
from collections.abc import AsyncIterator

import pytest

from tests.contracts import redis_subjects
from tests.contracts.redis_subjects import Subject
from tests.servers import RedisServer

OTHER_REDIS = os.environ.get("HOLDFAST_TEST_REDIS")


def address(request: pytest.FixtureRequest) -> str:
    """Of the real server that the parameter names."""
    if request.param == "other":
        return str(OTHER_REDIS)
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.address


@pytest.fixture(params=["model", "real", *(["other"] if OTHER_REDIS else [])])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """A Redis under contract, empty."""
    async with redis_subjects.model() if request.param == "model" else redis_subjects.real(address(request)) as made:
        yield made
