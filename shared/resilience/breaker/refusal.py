"""Refusal: why a call may not pass, and when another may."""

from enum import StrEnum
from typing import NamedTuple


class Refusal(StrEnum):
    """Why a call may not pass."""

    OPEN = "open"
    FORCED_OPEN = "forced_open"
    PROBING = "probing"
    RAMPING = "ramping"
    THROTTLED = "throttled"


class Refused(NamedTuple):
    """`retry_after_s`: in so many seconds it may be another. Not `enforced`: only observing, so let it pass."""

    refusal: Refusal
    retry_after_s: float
    enforced: bool
