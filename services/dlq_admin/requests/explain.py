"""Explain: why a recent request was answered as it was, and what became of its writes. Further values that another
build recorded are passed on."""

from typing import Any

from pydantic import ConfigDict
from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.requests.operation import OperationFinder, OperationStatus
from holdfast.services.dlq_admin.requests.wording import sentence
from holdfast.services.dlq_admin.responses import Moment, ResponseModel
from holdfast.shared.errors import ExplanationsUnavailable, RequestUnknown
from holdfast.shared.http.explain.explanations import recall
from holdfast.shared.resilience.failure_reporter import FailureReporter


class Decision(ResponseModel):
    """One decision, with its numbers and as a sentence."""

    model_config = ConfigDict(extra="allow")

    at_ms: float
    action: str
    says: str


class ServicePart(ResponseModel):
    """What one service did for a request."""

    model_config = ConfigDict(extra="allow")

    service: str
    instance: str
    at: Moment
    method: str
    route: str
    status: int | None
    outcome: str
    took_ms: float
    deadline_ms: float | None
    left_ms: float | None
    says: str
    decisions: list[Decision]


class ExplainedRequest(ResponseModel):
    """Why a request was answered as it was, and what became of its writes."""

    request_id: str
    trace_ids: list[str]
    parts: list[ServicePart]
    operations: list[OperationStatus]


_OPERATIONS_MAX = 20


class Requests:
    """Explanations of requests. `keep_s`: how long they are kept, in seconds."""

    def __init__(self, cache: Redis, operations: OperationFinder, keep_s: int) -> None:
        self._cache = cache
        self._operations = operations
        self._keep_s = keep_s
        self._reporter = FailureReporter("requests")

    async def explained(self, request_id: str) -> ExplainedRequest:
        """Return all that is known of a request. Raises RequestUnknown, ExplanationsUnavailable."""
        try:
            with self._reporter:
                kept = await recall(self._cache, request_id)
        except (RedisError, OSError) as error:
            raise ExplanationsUnavailable() from error
        if not kept:
            raise RequestUnknown(details={"id": request_id, "kept_for_s": self._keep_s})
        operations = list(dict.fromkeys(each["operation_id"] for each in kept if each.get("operation_id")))
        return ExplainedRequest(
            request_id=request_id,
            trace_ids=list(dict.fromkeys(each["trace_id"] for each in kept if each.get("trace_id"))),
            parts=[_part(each) for each in kept],
            operations=[await self._operations.status(each) for each in operations[:_OPERATIONS_MAX]],
        )


def _part(kept: dict[str, Any]) -> dict[str, Any]:
    """Return the part of one service, with its decisions as sentences."""
    decisions = [{"says": sentence(each)} | each for each in kept["decisions"]]
    return kept | {"says": _in_short(kept), "decisions": decisions}


def _in_short(kept: dict[str, Any]) -> str:
    route = kept["route"] if kept["route"] != "unmatched" else "(no route matched)"
    what = f"{kept['method']} {route}: {kept['outcome']}"
    status = f", status {kept['status']}" if kept["status"] else ", the client left before the answer"
    limit = f" of {kept['deadline_ms']:.0f} ms" if kept["deadline_ms"] is not None else ""
    left = f"; {kept['left_ms']:.0f} ms left" if kept["left_ms"] is not None else ""
    return f"{what}{status}, after {kept['took_ms']} ms{limit}{left}."
