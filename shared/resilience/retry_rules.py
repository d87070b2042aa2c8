"""Retry rules: the possible decisions on a failed attempt, and the limits of retrying. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Suppressed(StrEnum):
    """The reason why an attempt that might have helped is not made."""

    BUDGET = "budget"
    DEADLINE = "deadline"
    #: The failed attempt may have taken effect, and a second effect must be prevented.
    UNSAFE = "unsafe"
    #: The breaker has opened in the meantime.
    OPEN = "open"


class RetryAllowed(NamedTuple):
    """Another attempt may help. If the dependency asked for a pause, it starts after `not_before_s` seconds at the
    earliest."""

    not_before_s: float | None = None


#: None means that another attempt would end the same way.
RetryDecision = RetryAllowed | Suppressed | None


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """At most `most` attempts, with pauses of uniform(0, min(cap_s, base_s * 2**n)) seconds. No attempt is started with
    less than `least_s` left."""

    most: int
    base_s: float
    cap_s: float
    least_s: float = 0.1
