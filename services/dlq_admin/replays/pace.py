"""Pace: how many may be sent now. Pure: the caller passes the time."""

from collections.abc import Sequence
from datetime import UTC, datetime

from holdfast.shared.letters.replays.plan import ReplayState
from holdfast.shared.letters.replays.read import Replay

#: What may be sent at once after a pause, in seconds of the rate: so that a short stall does not lower the rate.
_BURST_S = 0.5


class Bucket:
    """A token bucket: `rate_per_s` tokens a second, from none at `now_s`."""

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._most = 1 + rate_per_s * _BURST_S
        self._tokens = 0.0
        self._at_s = now_s

    def has(self, now_s: float) -> int:
        """Whole tokens."""
        self._tokens = min(self._most, self._tokens + (now_s - self._at_s) * self._rate_per_s)
        self._at_s = now_s
        return int(self._tokens + 1e-9)

    def spend(self, count: int) -> None:
        """So many were used."""
        self._tokens -= count

    def wait_s(self, count: int = 1) -> float:
        """Until it has `count` tokens, from the last look on."""
        return max(0.0, (min(count, self._most) - self._tokens) / self._rate_per_s)


def canary_allows(canary: Sequence[int], sent: int, in_flight: int) -> int | None:
    """How many more may be sent now because of the canary steps; None: they are over. Each step, and the first batch
    after them, waits for the results of all that was sent before."""
    edge = 0
    for size in canary:
        if sent == edge:
            return size if in_flight == 0 else 0
        edge += size
        if sent < edge:
            return edge - sent
    if sent == edge and in_flight:
        return 0
    return None


def step_of(canary: Sequence[int], sent: int) -> int:
    """Which canary step a replay is in, from 1; one more than there are: all of them are over."""
    edge = 0
    for number, size in enumerate(canary, 1):
        edge += size
        if sent <= edge:
            return number
    return len(canary) + 1


def results_per_s(one: Replay, now: datetime) -> float | None:
    """Since it was started or resumed. None: it does not send at its rate yet, or no more."""
    counts = one.counts
    if one.state is not ReplayState.RUNNING or step_of(one.plan.canary, counts.sent) < len(one.plan.canary):
        return None
    took_s = (now - one.state_at.replace(tzinfo=UTC)).total_seconds()
    results = counts.finished - one.base.finished
    return round(results / took_s, 2) or None if results > 0 and took_s > 0 else None
