"""Retry rules: whether a failed attempt may be repeated, and how often. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Suppressed(StrEnum):
    """Why an attempt that might have helped is not made."""

    BUDGET = "budget"
    DEADLINE = "deadline"
    #: The failed attempt may have taken effect, and must not do so twice.
    UNSAFE = "unsafe"
    #: The breaker has opened in the meantime.
    OPEN = "open"


class RetryAllowed(NamedTuple):
    """Another attempt may help, not before `not_before_s` seconds if the dependency asked for that."""

    not_before_s: float | None = None


#: None: another attempt would end the same way.
RetryDecision = RetryAllowed | Suppressed | None


@dataclass(frozen=True, slots=True)
class RetryLimits:
    """At most `most` attempts, with pauses of uniform(0, min(cap_s, base_s * 2**n)); none with less than `least_s`
    left."""

    most: int
    base_s: float
    cap_s: float
    least_s: float = 0.1
