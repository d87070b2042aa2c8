"""Pace: how much this writer may ask of the database at once. Pure: time comes in.

After an outage it begins with small transactions, one at a time, and grows over `ramp_s` of good service to what it
takes in health. A transaction that takes longer than its target halves it: then there is more work than the database
can do beside its reads, and every writer that notices makes room, so that several share alike (as TCP does).
"""

from math import ceil

#: What it begins with after an outage, and never goes below: a share of a full batch.
_FLOOR = 0.05
#: Without a transaction for so long it does not grow: nothing was tried.
_IDLE_S = 1.0


class Pace:
    """`batch_max` writes may go into one transaction, which is to end within `target_s`."""

    def __init__(self, batch_max: int, *, target_s: float, ramp_s: float) -> None:
        self._batch_max = batch_max
        self._target_s = target_s
        self._ramp_s = ramp_s
        self._changed_at = 0.0
        #: Of what this writer takes when all is well.
        self.share = 1.0

    @property
    def full(self) -> bool:
        """Whether it is what it is in health; if not, one transaction at a time is enough."""
        return self.share >= 1.0

    @property
    def batch(self) -> int:
        """How many writes may go into the next transaction."""
        return ceil(self._batch_max * self.share)

    def begin_again(self, now: float) -> None:
        """The database was away: begin gently."""
        self.share = _FLOOR
        self._changed_at = now

    def ended(self, began: float, now: float) -> None:
        """A transaction has run from `began` to `now`, whatever became of it."""
        if now - began <= self._target_s:
            if not self.full:
                self.share = min(1.0, self.share + min(now - self._changed_at, _IDLE_S) / self._ramp_s)
                self._changed_at = now
        elif began >= self._changed_at:  # one that began before the last change was not made by it
            self.share = max(_FLOOR, self.share / 2)
            self._changed_at = now
