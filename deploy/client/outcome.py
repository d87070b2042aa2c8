"""Outcome: what a response meant to its client, judged from the response alone."""

from enum import IntEnum
from typing import Any

import orjson

from deploy.client.connections import Response


class Outcome(IntEnum):
    """The closed set of outcomes. Samples store the numbers."""

    #: Answered as usual.
    GOOD = 0
    #: Answered from a fallback, and marked as such.
    DEGRADED = 1
    #: Refused, with a time to retry. A refused write certainly had no effect.
    REJECTED = 2
    #: Any other error. A failed write certainly had no effect.
    FAILED = 3
    #: The response to a write leaves open whether the write had an effect. Retry with the same key.
    INDETERMINATE = 4
    #: No response: a timeout, a refused or broken connection, or bytes that are not HTTP.
    UNANSWERED = 5

    @property
    def word(self) -> str:
        """Its name in reports."""
        return self.name.lower()


#: Outcomes in which the client got what it asked for.
ANSWERED = (Outcome.GOOD, Outcome.DEGRADED)
#: Outcomes in which the client got neither usable data nor an honest refusal.
BROKEN = (Outcome.FAILED, Outcome.INDETERMINATE, Outcome.UNANSWERED)


def classify(response: Response, *, write: bool) -> tuple[Outcome, str]:
    """Return the outcome, and the error's code if there is one. Every request of this generator is valid, so a 4xx is a
    failure."""
    if response.status == 0:
        return Outcome.UNANSWERED, response.why.upper()
    if 200 <= response.status < 300:
        return (Outcome.DEGRADED if response.degraded else Outcome.GOOD), ""
    error = error_of(response.body)
    code = str(error.get("code") or f"HTTP_{response.status}")
    if write and response.status >= 500 and error.get("definite") is not True:
        return Outcome.INDETERMINATE, code
    if response.status in (429, 503) and response.retry_after and error.get("retryable", True):
        return Outcome.REJECTED, code
    return Outcome.FAILED, code


def error_of(body: bytes) -> dict[str, Any]:
    """Return the envelope's error, or an empty dict if the body is not an envelope."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}
