"""Pace: how many letters may be sent now. Pure: the caller passes the time."""

from collections.abc import Sequence
from datetime import UTC, datetime

from holdfast.shared.letters.replays.plan import ReplayState
from holdfast.shared.letters.replays.read import Replay

#: Burst after a pause, in seconds of the rate, so that a short stall does not lower the rate.
_BURST_S = 0.5


class Bucket:
    """A token bucket with `rate_per_s` tokens a second, empty at `now_s`."""

    def __init__(self, rate_per_s: float, now_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._most = 1 + rate_per_s * _BURST_S
        self._tokens = 0.0
        self._at_s = now_s

    def has(self, now_s: float) -> int:
        """Return the number of whole tokens."""
        self._tokens = min(self._most, self._tokens + (now_s - self._at_s) * self._rate_per_s)
        self._at_s = now_s
        return int(self._tokens + 1e-9)

    def spend(self, count: int) -> None:
        """Remove `count` tokens."""
        self._tokens -= count

    def wait_s(self, count: int = 1) -> float:
        """Return the seconds from the last `has` until there are `count` tokens."""
        return max(0.0, (min(count, self._most) - self._tokens) / self._rate_per_s)


def canary_allows(canary: Sequence[int], sent: int, in_flight: int) -> int | None:
    """Return how many more letters the canary steps allow now, or None if the steps are over. Each step, and the first
    batch after the last one, waits for the results of all that was sent before."""
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
    """Return the number of the canary step that a replay is in, from 1, or the number of steps plus one if all are
    over."""
    edge = 0
    for number, size in enumerate(canary, 1):
        edge += size
        if sent <= edge:
            return number
    return len(canary) + 1


def results_per_s(one: Replay, now: datetime) -> float | None:
    """Return the results per second since the replay was started or resumed. Return None if it does not send at its
    full rate yet, or no longer."""
    counts = one.counts
    if one.state is not ReplayState.RUNNING or step_of(one.plan.canary, counts.sent) < len(one.plan.canary):
        return None
    took_s = (now - one.state_at.replace(tzinfo=UTC)).total_seconds()
    results = counts.finished - one.base.finished
    return round(results / took_s, 2) or None if results > 0 and took_s > 0 else None
