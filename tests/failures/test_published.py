"""What processes publish of their failures, also while the cache loses it, and what is listed of it."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import pytest

from holdfast.services.dlq_admin.failures import failures as of_failures
from holdfast.services.dlq_admin.failures.failures import Failures
from holdfast.shared.connections.redis import connect
from holdfast.shared.http.failures import published
from holdfast.shared.http.failures.group import Group, Kind, Trouble
from holdfast.shared.http.failures.published import KEY, Publisher, Reported, reported
from holdfast.shared.http.failures.table import FailureTable
from tests.servers import PATIENT_REDIS, START_DEADLINE_S, RedisServer


async def test_a_cache_that_forgot_learns_again(clean_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that has not changed is written again after the cache has lost it: otherwise past failures would be
    unknown until the next one."""
    monkeypatch.setattr(published, "_EVERY_S", 0.01)
    monkeypatch.setattr(published, "_AGAIN_S", 0.05)
    redis = connect(clean_redis.address, PATIENT_REDIS)
    table = FailureTable("1+a", lambda _: "anybody", b"secret")
    publisher = asyncio.create_task(Publisher(redis, table, "api", "api-1", "1+a").run())
    try:
        async with asyncio.timeout(START_DEADLINE_S):
            for _ in range(2):
                while not await reported(redis, time.time()):
                    await asyncio.sleep(0.01)
                await redis.delete(KEY)
    finally:
        publisher.cancel()
        await asyncio.gather(publisher, return_exceptions=True)
        await redis.aclose()


async def test_no_group_is_listed_with_no_answers(clean_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is listed if one of its answers is in the requested minutes, which are whole but for the current one."""
    now_s = 1_800_000_030.0
    kind = Kind("/users", "GET", Trouble.FAILED, "database_error", "CODE", "database", "1+a")
    monkeypatch.setattr(time, "time", lambda: now_s)
    redis = connect(clean_redis.address, PATIENT_REDIS)
    board: Any = SimpleNamespace(roster=SimpleNamespace(shown=lambda _: []))
    quiet: Any = SimpleNamespace(report=lambda: SimpleNamespace(faults=[]), began=list)
    failures = Failures(redis, redis, board, quiet, quiet, explain_keep_s=600)
    for age_s, counts in ((290, []), (260, [1])):
        group = Group()
        group.add(now_s - age_s, 1, "req_1")
        report = Reported("api", "api-1", "1+a", now_s - 900, now_s, 0, {kind: group})
        monkeypatch.setattr(of_failures, "reported", AsyncMock(return_value=[report]))
        assert [each.count for each in (await failures.report(5)).groups] == counts
    await redis.aclose()
