"""Outcome: what an answer was to its client. Nobody's word counts but the answer's own."""

from enum import IntEnum
from typing import Any

import orjson

from deploy.load.wire import Answer


class Outcome(IntEnum):
    """A closed set; the number is how it is kept."""

    #: As on any day.
    GOOD = 0
    #: Answered from elsewhere than it should be, and marked so.
    DEGRADED = 1
    #: Refused for certain, with a time to come back.
    REJECTED = 2
    #: Not answered as it should have been; for a write: and it has surely not happened.
    FAILED = 3
    #: A write that may or may not have happened: ask again with the same key.
    INDETERMINATE = 4

    @property
    def word(self) -> str:
        """As reports have it."""
        return self.name.lower()


ANSWERED = (Outcome.GOOD, Outcome.DEGRADED)


def classify(answer: Answer, *, write: bool) -> tuple[Outcome, str]:
    """The outcome, and the error's code if any. The generator sends nothing wrong, so a 4xx is a failure."""
    if answer.status == 0:
        lost = write and answer.sent
        return (Outcome.INDETERMINATE if lost else Outcome.FAILED), answer.why.upper()
    if 200 <= answer.status < 300:
        return (Outcome.DEGRADED if answer.degraded else Outcome.GOOD), ""
    error = error_of(answer.body)
    code = str(error.get("code") or f"HTTP_{answer.status}")
    if write and answer.status >= 500 and error.get("definite") is not True:
        return Outcome.INDETERMINATE, code
    if answer.status in (429, 503) and answer.retry_after:
        return Outcome.REJECTED, code
    return Outcome.FAILED, code


def error_of(body: bytes) -> dict[str, Any]:
    """The envelope's error; empty when this is no envelope of ours."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, dict) else {}
