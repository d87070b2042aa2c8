"""Verdict: what the outcome of a call says about the dependency, as opposed to the call itself."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The judgement of an outcome. Together with `Throttled` a closed set."""

    #: The dependency answered. A refusal of one call is an answer too: a 404 or a duplicate key shows that it works.
    SUCCESS = "success"
    #: The dependency answered that it failed: a 5xx, an internal error.
    FAILURE = "failure"
    #: The dependency did not answer: connection refused or lost, timeout. A few in a row open the breaker.
    UNREACHABLE = "unreachable"
    #: The outcome says nothing: the client disconnected, our own pool was full, another breaker refused.
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Throttled:
    """The dependency works, and has asked for no calls for `for_s` seconds (a 429 with `Retry-After`)."""

    for_s: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.for_s) or self.for_s < 0:
            raise ValueError(f"for_s must be finite and not negative, not {self.for_s}")


Judgement = Verdict | Throttled

#: Judges the error that ended a call. It runs within the call, so it has to be pure and fast.
Classify = Callable[[Exception], Judgement]


def every_error_counts(error: Exception) -> Judgement:
    """Judge connection errors and timeouts as UNREACHABLE, and every other error as a FAILURE. This is the default."""
    return Verdict.UNREACHABLE if isinstance(error, ConnectionError | TimeoutError) else Verdict.FAILURE
