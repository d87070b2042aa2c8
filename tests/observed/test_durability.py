"""Durability: a store whose settings may lose acknowledged writes is reported, until the settings are restored."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from redis.exceptions import ResponseError

from holdfast.services.dlq_admin.auditor.durability import Durability
from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.partitions import ONE
from holdfast.shared.store.durable import FLUSHED
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.telemetry import metrics
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer, wait_until


def _durability(redis: Any, engine: Engine | None) -> Durability:
    async def audit(work: Callable[..., Any]) -> Any:
        return await asyncio.to_thread(work, engine)

    return Durability(redis, SimpleNamespace(audit=audit), ONE)  # type: ignore[arg-type]  # all that it uses


def _reduced() -> set[tuple[str, str]]:
    [family] = metrics.durability_reduced.collect()
    return {(one.labels["store"], one.labels["setting"]) for one in family.samples if one.value}


@pytest.mark.parametrize(
    ("setting", "good", "bad"), [("appendonly", "yes", "no"), ("maxmemory-policy", "noeviction", "allkeys-lru")]
)
async def test_a_setting_of_the_queue(own_redis: RedisServer, setting: str, good: str, bad: str) -> None:
    """Each unsafe setting of the queue is reported separately, without the right to read settings."""
    redis = connect(own_redis.address, PATIENT_REDIS)
    look = _durability(redis, None).probes[0].once
    with own_redis.client() as operator:
        try:
            assert await look()
            assert _reduced() == set()
            operator.config_set(setting, bad)
            assert await look()
            assert _reduced() == {("queue", setting)}
        finally:
            operator.config_set(setting, good)
        assert await look()
        assert _reduced() == set()
    await redis.aclose()


async def test_a_rewrite_that_fails_is_seen_until_one_succeeds(own_redis: RedisServer) -> None:
    """A failed rewrite of the append-only file is reported until one succeeds; until then the file only grows and can
    fill the disk."""
    redis = connect(own_redis.address, PATIENT_REDIS)
    look = _durability(redis, None).probes[0].once
    with own_redis.client() as operator:

        def ended() -> bool:
            return not operator.info("persistence")["aof_rewrite_in_progress"]

        async def shown() -> float:
            await asyncio.to_thread(wait_until, ended, what="the rewrite has ended")
            assert await look()
            [family] = metrics.queue_unrewritten.collect()
            return family.samples[0].value

        assert await shown() == 0
        operator.set("key", "value")
        operator.config_set("rdb-key-save-delay", 60_000_000)  # the rewriting process lives until it is killed
        try:
            operator.bgrewriteaof()
            [rewriting] = Path(f"/proc/{own_redis.pid}/task/{own_redis.pid}/children").read_text().split()
            os.kill(int(rewriting), signal.SIGKILL)
            assert await shown() > 0
        finally:
            operator.config_set("rdb-key-save-delay", 0)
        operator.bgrewriteaof()
        assert await shown() == 0
    await redis.aclose()


_UNKNOWN = ResponseError("unknown command 'WAITAOF'")
_FULL = ResponseError("OOM command not allowed when used memory > 'maxmemory'.")


@pytest.mark.parametrize(
    ("written", "on_disk", "reduced"),
    [(True, [0, 0], True), (True, [1, 0], False), (True, _UNKNOWN, False), (_FULL, [0, 0], False)],
)
async def test_what_is_not_on_disk_at_once(written: Any, on_disk: Any, reduced: bool) -> None:
    """A server since Redis 7.2 reports writes that are not on disk; one that cannot tell, or took no write, raises no
    alarm."""
    metrics.durability_reduced.clear()

    async def execute(**_: Any) -> list[Any]:
        return [written, on_disk, {"aof_enabled": 1}, {"maxmemory_policy": "noeviction"}]

    pipeline = SimpleNamespace(
        execute=execute, **dict.fromkeys(("set", "execute_command", "info"), lambda *_, **__: None)
    )
    assert await _durability(SimpleNamespace(pipeline=lambda **_: pipeline), None).probes[0].once()
    assert _reduced() == ({("queue", "appendfsync")} if reduced else set())
    metrics.durability_reduced.clear()


async def test_the_setting_of_the_database(own_database: Database) -> None:
    """An unsafe setting of the database is reported, and any login has the right to read it."""
    engine = make_engine(own_database.dsn, PATIENT_DATABASE, 1)
    look = _durability(None, engine).probes[1].once
    with own_database.connect(user="root") as root, root.cursor() as cursor:
        try:
            assert await look()
            assert _reduced() == set()
            cursor.execute(f"SET GLOBAL {FLUSHED} = 2")
            assert await look()
            assert _reduced() == {("database", FLUSHED)}
        finally:
            cursor.execute(f"SET GLOBAL {FLUSHED} = 1")
        assert await look()
        assert _reduced() == set()
    engine.dispose()
