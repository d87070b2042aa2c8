"""Samples: what a client saw, request by request. Pure."""

from dataclasses import dataclass
from typing import Any

from deploy.chaos.experiment import Kind, Outcome


@dataclass(frozen=True, slots=True)
class Sample:
    """One request. Times are Unix seconds; `took_s` counts from when it was due."""

    kind: Kind
    due: float
    took_s: float
    status: int
    outcome: Outcome
    #: `error.code` of an answer that is an error; "" otherwise.
    code: str


@dataclass(slots=True)
class Write:
    """One write, and what became of it as far as its client was told."""

    key: str
    method: str
    path: str
    body: dict[str, str]
    #: Its operation, once it was acknowledged.
    operation: str = ""
    #: Refused, and it has certainly not happened.
    refused: bool = False

    def told(self, document: Any) -> None:
        """Take in an answer's document; None: there was none."""
        if not isinstance(document, dict):
            return
        if document.get("success"):
            self.operation = document["data"]["operation_id"]
        elif isinstance(error := document.get("error"), dict):
            self.refused = error.get("definite") is True

    @property
    def in_doubt(self) -> bool:
        """The client does not know."""
        return not self.operation and not self.refused


def outcome_of(status: int, document: Any, *, degraded: bool, hung: bool) -> tuple[Outcome, str]:
    """As a client counts them, and the error's code. A refusal without a word about when to come back is a failure."""
    if hung:
        return "unanswered", ""
    error = document.get("error") if isinstance(document, dict) else None
    code = str(error.get("code", "")) if isinstance(error, dict) else ""
    if 200 <= status < 300 and isinstance(document, dict):
        return ("degraded" if degraded else "good"), code
    if status in (429, 503) and isinstance(error, dict) and error.get("retryable") and error.get("retry_after"):
        return "rejected", code
    return "failed", code or f"no answer ({status})"
