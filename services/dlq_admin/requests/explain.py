"""`/requests/{id}`: why a recent request was answered as it was, and what became of its write."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.requests.operation import Fates
from holdfast.services.dlq_admin.requests.wording import sentence
from holdfast.shared.errors import ExplanationsUnavailable, RequestUnknown
from holdfast.shared.http.envelope import precise
from holdfast.shared.http.explain.explanations import recall
from holdfast.shared.resilience.failure_reporter import FailureReporter

_OPERATIONS_MAX = 20


class Requests:
    """The question that the route and the page ask."""

    def __init__(self, cache: Redis, fates: Fates, keep_s: int) -> None:
        self._cache = cache
        self._fates = fates
        self._keep_s = keep_s
        self._reporter = FailureReporter("requests")

    async def explained(self, request_id: str) -> dict[str, Any]:
        """All that is known. Raises RequestUnknown, ExplanationsUnavailable."""
        try:
            with self._reporter:
                kept = await recall(self._cache, request_id)
        except (RedisError, OSError) as error:
            raise ExplanationsUnavailable() from error
        if not kept:
            raise RequestUnknown(details={"id": request_id, "kept_for_s": self._keep_s})
        operations = list(dict.fromkeys(each["operation_id"] for each in kept if each.get("operation_id")))
        return {
            "request_id": request_id,
            "trace_ids": list(dict.fromkeys(each["trace_id"] for each in kept if each.get("trace_id"))),
            "parts": [_part(each) for each in kept],
            "operations": [await self._fates.of(each) for each in operations[:_OPERATIONS_MAX]],
        }


def _part(kept: dict[str, Any]) -> dict[str, Any]:
    """What one service did."""
    at = precise(datetime.fromtimestamp(kept["at"], UTC))
    return kept | {"at": at, "says": _in_short(kept), "decisions": list(_said(kept["decisions"]))}


def _said(decisions: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for each in decisions:
        yield {"at_ms": each["at_ms"], "action": each["action"], "says": sentence(each)} | each


def _in_short(kept: dict[str, Any]) -> str:
    route = kept["route"] if kept["route"] != "unmatched" else "(its path was not looked at)"
    what = f"{kept['method']} {route}: {kept['outcome']}"
    status = f", status {kept['status']}" if kept["status"] else ", nobody waited for the answer"
    limit = f" of {kept['deadline_ms']:.0f} ms" if kept["deadline_ms"] is not None else ""
    left = f"; {kept['left_ms']:.0f} ms left" if kept["left_ms"] is not None else ""
    return f"{what}{status}, after {kept['took_ms']} ms{limit}{left}."
