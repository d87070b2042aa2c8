"""Models: an explained request as answers show it. What another build noted besides is sent along."""

from typing import Literal

from pydantic import ConfigDict

from holdfast.services.dlq_admin.responses import Count, Moment, ResponseModel


class Decision(ResponseModel):
    """One decision, with its numbers and in words."""

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


class OperationStatus(ResponseModel):
    """What became of an operation. Which of the optional fields are there depends on where it is."""

    operation_id: str
    status: Literal["queued", "applied", "superseded", "rejected", "dead_lettered", "discarded", "unknown"]
    says: str
    entry_id: str = ""
    letter_id: str = ""
    accepted_at: Moment = ""
    ended_at: Moment = ""
    failed_attempts: Count = 0
    writer: str = ""
    deliveries: Count = 0
    code: str = ""
    reason: str = ""
    entity_version: int = 0


class ExplainedRequest(ResponseModel):
    """Why a request was answered as it was, and what became of its writes."""

    request_id: str
    trace_ids: list[str]
    parts: list[ServicePart]
    operations: list[OperationStatus]
