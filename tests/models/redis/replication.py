"""Replication: one replica, which has each write a moment later, or not at all while it is cut off; and who is left
with the old primary when the replica has taken its place."""

from collections.abc import Callable

#: How often somebody who waits for a replica that is behind looks again (s).
LOOK_S = 0.005


class Replication:
    """Of one server, in seconds of its clock. `delay_s` None: it has no replica."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.delay_s: float | None = None
        self._cut_at: float | None = None

    def cut(self) -> None:
        """From now on the replica gets nothing."""
        self._cut_at = self._clock() if self._cut_at is None else self._cut_at

    def mend(self) -> None:
        """It has caught up."""
        self._cut_at = None

    @property
    def until_s(self) -> float:
        """What was written by then it has."""
        now_s = self._clock()
        if self.delay_s is None:
            return float("-inf")
        return (now_s if self._cut_at is None else self._cut_at) - self.delay_s

    def count(self, written_s: float) -> int:
        """How many replicas have what was written at that time."""
        return int(self.delay_s is not None and written_s <= self.until_s)
