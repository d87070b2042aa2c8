"""Published: publishes the groups of all processes in the cache Redis, so that every reader gets the same answer.
Nothing depends on it: without the cache each process keeps counting.

| key                 | type | holds                                                            |
|---------------------|------|------------------------------------------------------------------|
| `holdfast:failures` | hash | `service/instance` -> its groups, when it started, the time, JSON |
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.connections.redis import text
from holdfast.shared.errors import OverBudget
from holdfast.shared.http.failures.group import Group, Kind, kind_of
from holdfast.shared.http.failures.table import GROUPS_MAX, FailureTable
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.documents import parse
from holdfast.shared.runtime.time_budgets import FAILURES_KEPT_S
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

KEY = "holdfast:failures"
_EVERY_S = 2.0
#: A table that has not changed is written again after this time, because the cache may have lost it.
_AGAIN_S = 30.0
_REPLICAS_MAX = 500


@dataclass(frozen=True, slots=True)
class Reported:
    """The groups of one process as of `at_s`. The process has run `build` since `started_s`. Times are Unix seconds."""

    service: str
    instance: str
    build: str
    started_s: float
    at_s: float
    left_out: int
    groups: Mapping[Kind, Group]


class Publisher:
    """Writes this process's table every two seconds if it has changed, and sometimes if not. A restarted process
    continues from the groups that it had written."""

    def __init__(self, redis: Redis, table: FailureTable, service: str, instance: str, build: str) -> None:
        self._redis = redis
        self._table = table
        self._field = f"{service}/{instance}"
        self._about = {"build": build, "started_s": time.time()}
        self._reporter = FailureReporter("failures")
        self._again_s = 0.0

    async def run(self) -> None:
        """Publish until cancelled."""
        adopted = False
        while True:
            try:
                with self._reporter:
                    if not adopted:
                        await self._adopt()
                        await self._write()
                    elif self._table.changed or time.monotonic() >= self._again_s:
                        await self._write()
                    adopted = True
            except (RedisError, OSError):
                pass  # reported; the counts are written next time
            await asyncio.sleep(_EVERY_S)

    async def _adopt(self) -> None:
        kept = cast("bytes | None", await cast(Any, self._redis.hget(KEY, self._field)))
        before = None if kept is None else _readable(self._field, kept)
        if before is not None:
            self._table.adopt(before.groups)

    async def _write(self) -> None:
        self._table.changed = False
        groups = [[*kind, group.as_json()] for kind, group in self._table.groups()]
        document = self._about | {"at_s": time.time(), "left_out": self._table.left_out, "groups": groups}
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hset(KEY, self._field, cast(Any, orjson.dumps(document)))
        pipeline.expire(KEY, FAILURES_KEPT_S)
        try:
            await pipeline.execute()
        except BaseException:
            self._table.changed = True
            raise
        self._again_s = time.monotonic() + _AGAIN_S


async def reported(redis: Redis, now_s: float) -> list[Reported]:
    """Return the groups that all processes have written in the last two hours. Unreadable groups are left out. Raises
    RedisError, OSError."""
    found: dict[bytes, bytes] = cast(Any, await cast(Any, redis.hgetall(KEY)))
    read = [_readable(text(field), value) for field, value in list(found.items())[:_REPLICAS_MAX]]
    return [one for one in read if one is not None and now_s - one.at_s < FAILURES_KEPT_S]


def _readable(field: str, value: bytes) -> Reported | None:
    service, _, instance = field.partition("/")
    try:
        document = parse(value)
        return Reported(
            service=service,
            instance=instance,
            build=str(document["build"])[:100],
            started_s=float(document["started_s"]),
            at_s=float(document["at_s"]),
            left_out=int(document["left_out"]),
            groups={kind_of(fields): Group.parse(group) for *fields, group in document["groups"][:GROUPS_MAX]},
        )
    except (OverBudget, ValueError, KeyError, TypeError) as error:  # another build may have written it
        logs.warning(Action.FAILURES_UNREADABLE, field=field[:100], error=type(error).__name__)
        return None
