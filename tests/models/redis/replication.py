"""Replication: one replica that has each write a moment later, or not at all while it is cut off, and the clients that
stay with the old primary after a failover."""

from collections.abc import Callable

#: Seconds between two looks of a client that waits for a late replica.
LOOK_S = 0.005


class Replication:
    """The replication of one server, in seconds of its clock. `delay_s`: None if it has no replica."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.delay_s: float | None = None
        self._cut_at: float | None = None

    def cut(self) -> None:
        """Cut the replica off from now on."""
        self._cut_at = self._clock() if self._cut_at is None else self._cut_at

    def mend(self) -> None:
        """Reconnect the replica, which has caught up."""
        self._cut_at = None

    @property
    def until_s(self) -> float:
        """The time up to which the replica has all writes."""
        now_s = self._clock()
        if self.delay_s is None:
            return float("-inf")
        return (now_s if self._cut_at is None else self._cut_at) - self.delay_s

    def count(self, written_s: float) -> int:
        """Return how many replicas have what was written at that time."""
        return int(self.delay_s is not None and written_s <= self.until_s)
