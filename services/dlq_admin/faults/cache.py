"""Cache: keeps faults and recoveries in the cache Redis, so that other replicas and a restarted one know them. Nothing
depends on it: while the cache is down, it is skipped.

| key                  | type | holds                                                              |
|----------------------|------|--------------------------------------------------------------------|
| `holdfast:announced` | hash | `fault <name> <target>` or `recovery <fault>` -> what is known, JSON |
"""

import time
from collections.abc import Iterable
from typing import Any, cast

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.faults.announced import Announced, Recovery
from holdfast.shared.connections.redis import text
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import FAULT_MAX_S, FAULTS_KEPT_S
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

KEY = "holdfast:announced"
_FAULT, _RECOVERY = TypeAdapter(Announced), TypeAdapter(Recovery)
#: Most entries that are read: others may write to the cache, too.
_READ_MAX = 1000
#: Largest difference between the clocks of two replicas.
_AHEAD_S = 60.0


class FaultCache:
    """Reads and writes the announcements in the cache."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._reading, self._writing = FailureReporter("faults"), FailureReporter("faults_kept")

    async def read(self) -> tuple[list[Announced], list[Recovery]]:
        """Return all that is kept, or nothing while the cache is down."""
        try:
            with self._reading:
                found: dict[bytes, bytes] = cast(Any, await self._redis.hgetall(KEY))
        except (RedisError, OSError):
            return [], []
        faults: list[Announced] = []
        recoveries: list[Recovery] = []
        for field, value in list(found.items())[:_READ_MAX]:
            try:
                if field.startswith(b"fault "):
                    faults.append(_in_time(_FAULT.validate_json(value)))
                else:
                    recoveries.append(_RECOVERY.validate_json(value))
            except ValueError as error:  # another build may have written it
                logs.warning(Action.ANNOUNCEMENT_UNREADABLE, field=text(field)[:100], error=type(error).__name__)
        return faults, recoveries

    async def write(self, faults: Iterable[Announced] = (), recoveries: Iterable[Recovery] = ()) -> None:
        """Write announcements; each replaces what was kept of the same fault. Does nothing while the cache is down."""
        fields = {f"fault {each.name.fault} {each.name.target}": _FAULT.dump_json(each) for each in faults}
        fields |= {f"recovery {each.fault}": _RECOVERY.dump_json(each) for each in recoveries}
        if not fields:
            return
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.hset(KEY, mapping=cast(Any, fields))
        pipeline.expire(KEY, FAULTS_KEPT_S)
        try:
            with self._writing:
                await pipeline.execute()
        except (RedisError, OSError):
            return  # the fault is announced again in a moment


def _in_time(fault: Announced) -> Announced:
    """Return the fault. Raises ValueError if it is from the future, or would last longer than a fault may."""
    if fault.announced_s > time.time() + _AHEAD_S or fault.until_s > fault.announced_s + FAULT_MAX_S:
        raise ValueError("its time is in the future")
    return fault
