"""Allowance: limits how many explanations a process keeps. Pure.

Explanations share the cache Redis with the copies that serve reads while the database is down, so they must stay few.
Each reason to keep an explanation has its own allowance, so that none uses up another's.
"""

from enum import StrEnum
from typing import NamedTuple


class Because(StrEnum):
    """The reason why an explanation is kept."""

    TROUBLE = "trouble"
    WRITE = "write"
    ASKED = "asked"


class _Rate(NamedTuple):
    per_s: float
    burst: float


_RATES = {Because.TROUBLE: _Rate(20, 500), Because.WRITE: _Rate(20, 500), Because.ASKED: _Rate(5, 100)}


class Allowance:
    """A token bucket for each reason. `now` is monotonic, in seconds."""

    def __init__(self, now: float) -> None:
        self._tokens = {because: rate.burst for because, rate in _RATES.items()}
        self._at = dict.fromkeys(_RATES, now)

    def take(self, because: Because, now: float) -> bool:
        """Return whether one more explanation may be kept. If so, it is counted."""
        rate = _RATES[because]
        tokens = min(rate.burst, self._tokens[because] + (now - self._at[because]) * rate.per_s)
        self._at[because] = now
        self._tokens[because] = tokens - 1 if tokens >= 1 else tokens
        return tokens >= 1
