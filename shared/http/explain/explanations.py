"""Explanations: stores the decisions behind degraded and failed requests, writes, and requests with `X-Explain`. They
are sent to the cache Redis in the background, and expire there. No request waits for that, or fails because of it."""

import asyncio
import time
from collections import deque
from operator import itemgetter
from pathlib import Path
from typing import Any, cast

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.types import Scope

from holdfast.shared.connections.cluster import in_one_slot
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.errors import OverBudget
from holdfast.shared.http.explain.allowance import Allowance, Because
from holdfast.shared.http.open_paths import SAFE_METHODS
from holdfast.shared.http.outcome import RequestOutcome
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.documents import parse
from holdfast.shared.runtime.settings import CacheSettings
from holdfast.shared.runtime.timestamps import UnixSeconds
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import Note, Notes
from holdfast.shared.telemetry.tracing import spans

_PREFIX = "holdfast:explain:"
_EVERY_S = 0.2
_BATCH_MAX = 200
_WAITING_MAX = 1000
#: Maximum number of explanations per request id. A caller may use one request id for all of its attempts.
_OF_ONE_MAX = 20


_DROPPED = metrics.explanations.labels("dropped")


class _Decision(BaseModel):
    """One decision, with its numbers."""

    model_config = ConfigDict(extra="allow")

    at_ms: float = Field(allow_inf_nan=False)
    action: str = Field(max_length=100)


class _Kept(BaseModel):
    """The stored form of an explanation."""

    service: str
    instance: str
    at: UnixSeconds
    method: str
    route: str
    status: int | None
    outcome: str
    took_ms: float = Field(allow_inf_nan=False)
    deadline_ms: float | None
    left_ms: float | None
    operation_id: str | None = None
    trace_id: str | None = None
    decisions: list[_Decision]


_KEPT = TypeAdapter(_Kept)


class Explanations:
    """The explanations of one process. `ended` queues an explanation; the loop `run` stores queued explanations."""

    def __init__(self, redis: Redis, service: str, instance: str, keep_s: int) -> None:
        self._redis = redis
        self._script = Script(redis, Path(__file__).with_name("keep.lua"))
        self._about = {"service": service, "instance": instance}
        self._keep_s = keep_s
        self._reporter = FailureReporter("explanations")
        self._allowance = Allowance(time.monotonic())
        self._waiting: deque[tuple[str, bytes]] = deque()

    def ended(
        self, scope: Scope, notes: Notes, route: str, status: int, outcome: RequestOutcome, took_s: float
    ) -> None:
        """Queue the explanation of a finished request, if there is a reason to keep it."""
        because = _because(scope, outcome)
        if because is None:
            return
        if len(self._waiting) >= _WAITING_MAX or not self._allowance.take(because, time.monotonic()):
            _DROPPED.inc()
            return
        now = time.time()
        began = time.monotonic() - took_s
        limit_s = scope.get("time_limit_s")
        explanation = self._about | {
            "at": now - took_s,
            "method": scope["method"],
            "route": route,
            "status": status or None,
            "outcome": outcome.value,
            "took_ms": _ms(took_s),
            "deadline_ms": None if limit_s is None else _ms(limit_s),
            "left_ms": None if limit_s is None else _ms(max(0.0, limit_s - took_s)),
            "operation_id": (scope.get("overdue_details") or {}).get("operation_id"),
            "trace_id": spans.trace_id(spans.traceparent()) or None,
            "decisions": [_decision(each, began) for each in notes.taken],
        }
        self._waiting.append((_PREFIX + notes.request_id, orjson.dumps(explanation, default=str)))

    async def run(self) -> None:
        """Store queued explanations until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Store queued explanations. Never raises; explanations that Redis does not take at the first attempt are
        dropped."""
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), _BATCH_MAX))]
            kept = 0
            try:
                with self._reporter:
                    for group in in_one_slot(self._redis, batch, itemgetter(0)):
                        keys, explanations = zip(*group, strict=True)
                        await self._script(keys, [self._keep_s, _OF_ONE_MAX, *explanations])
                        kept += len(group)
            except (RedisError, OSError, NotSent):
                metrics.explanations.labels("failed").inc(len(batch) - kept)
                return
            finally:
                metrics.explanations.labels("kept").inc(kept)


def explanations(redis: Redis, service: str, settings: CacheSettings) -> Explanations | None:
    """Return the explanations for a service with these settings, or None if the settings turn them off."""
    keep_s = settings.explain_keep_s
    return Explanations(redis, service, settings.instance, keep_s) if keep_s else None


async def recall(redis: Redis, request_id: str) -> list[dict[str, Any]]:
    """Return the stored explanations of a request, oldest first, without invalid ones. Raises RedisError or OSError."""
    kept: list[bytes] = cast(Any, await redis.lrange(_PREFIX + request_id, 0, -1))
    found = [explanation for each in kept if (explanation := _readable(each)) is not None]
    return sorted(found, key=lambda explanation: float(explanation["at"]))


def _readable(kept: bytes) -> dict[str, Any] | None:
    try:
        return _KEPT.validate_json(orjson.dumps(parse(kept))).model_dump()
    except (ValueError, OverBudget):  # another build, or a person, has written it
        return None


def _because(scope: Scope, outcome: RequestOutcome) -> Because | None:
    if outcome is not RequestOutcome.GOOD:
        return Because.TROUBLE
    if "explain" in scope:
        return Because.ASKED
    return None if scope["method"] in SAFE_METHODS else Because.WRITE


def _decision(note: Note, began: float) -> dict[str, Any]:
    return {"at_ms": _ms(max(0.0, note.at - began)), "action": note.action.value, **note.numbers}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
