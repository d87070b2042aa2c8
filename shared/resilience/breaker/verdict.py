"""Verdict: what the end of a call says about the dependency, as opposed to about the call."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """A closed set, with `Throttled`."""

    #: It answered. Also when it refused this very call: a 404 or a duplicate key comes from a dependency that works.
    SUCCESS = "success"
    #: It answered, and could not do what it is there for: a 5xx, an internal error.
    FAILURE = "failure"
    #: A failure to answer at all: connect refused, connection lost, timed out. A few in a row are enough to open.
    UNREACHABLE = "unreachable"
    #: Says nothing: the client went away, our own pool was full, another breaker refused.
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Throttled:
    """It works and asks to be left alone for `for_s` seconds (a 429 and its `Retry-After`)."""

    for_s: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.for_s) or self.for_s < 0:
            raise ValueError(f"for_s must be finite and not negative, not {self.for_s}")


Judgement = Verdict | Throttled

#: From the error that ended a call. Pure and quick: it runs in the call.
Classify = Callable[[Exception], Judgement]


def every_error_counts(error: Exception) -> Judgement:
    """For a caller who has not said which of its errors are the dependency's."""
    return Verdict.UNREACHABLE if isinstance(error, ConnectionError | TimeoutError) else Verdict.FAILURE
