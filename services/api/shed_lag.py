"""Shed by lag: what the event loop's lag means for who is let in."""

from holdfast.services.api.lanes import Lane
from holdfast.shared.telemetry.loop_lag import Lateness

_TOO_LATE_S = 0.1
_LEVEL_MAX = 4

#: Shares that are turned away, by level. Reads go before writes, and 40 % of both always have a chance.
_SHARES = {
    Lane.KEPT: (0.0, 0.0, 0.0, 0.0, 0.0),
    Lane.WRITES: (0.0, 0.0, 0.0, 0.3, 0.6),
    Lane.READS: (0.0, 0.0, 0.3, 0.6, 0.6),
    Lane.REST: (0.0, 1.0, 1.0, 1.0, 1.0),
}


class Lag:
    """Whether the loop keeps up, second by second. Pure."""

    def __init__(self) -> None:
        #: 0: it keeps up; to `_LEVEL_MAX`.
        self.level = 0
        self._lateness = Lateness()

    @property
    def p90_s(self) -> float:
        """The lateness that it goes by."""
        return self._lateness.p90_s

    def sampled(self, late_s: float) -> None:
        """The loop was so late."""
        if self._lateness.sampled(late_s):
            step = 1 if self._lateness.p90_s > _TOO_LATE_S else -1
            self.level = min(max(self.level + step, 0), _LEVEL_MAX)

    def refused_share(self, lane: Lane) -> float:
        """The share of a lane's requests that is to be turned away now."""
        return _SHARES[lane][self.level]
