"""Outcome: the outcome of a request from its caller's point of view. Availability is computed from outcomes."""

from enum import StrEnum


class RequestOutcome(StrEnum):
    """The outcome of a request. A closed set."""

    #: Answered as usual. An error that reports a caller's own mistake is a usual answer too.
    GOOD = "good"
    #: Answered, but not from the primary path: from a copy, or by a write that bypassed the queue.
    DEGRADED = "degraded"
    #: Refused on purpose, with a `Retry-After`.
    REJECTED = "rejected"
    #: Answered with an error on our side.
    FAILED = "failed"
    #: The caller disconnected before the answer.
    ABANDONED = "abandoned"


def outcome_of(status: int, *, degraded: bool) -> RequestOutcome:
    """Return the outcome for the status of the answer; 0 if none was sent."""
    if status == 0:
        return RequestOutcome.ABANDONED
    if status in (429, 503):
        return RequestOutcome.REJECTED
    if status >= 500:
        return RequestOutcome.FAILED
    return RequestOutcome.DEGRADED if degraded else RequestOutcome.GOOD
