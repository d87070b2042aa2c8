"""Retry rules: what a failed attempt says about another one. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Suppressed(StrEnum):
    """Why another attempt, that might have helped, is not made."""

    BUDGET = "budget"
    DEADLINE = "deadline"
    #: It is not known whether the failed one took effect, and it must not do so twice.
    UNSAFE = "unsafe"
    #: The breaker has opened in the meantime.
    OPEN = "open"


class Again(NamedTuple):
    """Another attempt may help, not before `not_before_s` seconds if the dependency said so."""

    not_before_s: float | None = None


#: None: another attempt would end the same way.
Hope = Again | Suppressed | None


@dataclass(frozen=True, slots=True)
class Attempts:
    """`most` in all, pauses of uniform(0, min(cap_s, base_s * 2**n)), and none with less than `least_s` left."""

    most: int
    base_s: float
    cap_s: float
    least_s: float = 0.1
