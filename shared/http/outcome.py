"""Outcome: what a request was, seen from outside. Availability is counted from these."""

from enum import StrEnum


class RequestOutcome(StrEnum):
    """A closed set."""

    #: Answered as on any day. A caller's own mistake, told as one, is that too.
    GOOD = "good"
    #: Answered, and not from the primary path: a copy, or a write past the queue.
    DEGRADED = "degraded"
    #: Refused on purpose, with a time to come back.
    REJECTED = "rejected"
    #: Not answered as it should have been.
    FAILED = "failed"
    #: The caller did not wait for the answer.
    ABANDONED = "abandoned"


def outcome_of(status: int, *, degraded: bool) -> RequestOutcome:
    """`status` 0: there was no answer."""
    if status == 0:
        return RequestOutcome.ABANDONED
    if status in (429, 503):
        return RequestOutcome.REJECTED
    if status >= 500:
        return RequestOutcome.FAILED
    return RequestOutcome.DEGRADED if degraded else RequestOutcome.GOOD
