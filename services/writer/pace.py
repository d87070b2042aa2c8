"""Pace: how much this writer may ask of the database at once. Pure: time comes in.

After an outage it begins with small transactions, one at a time. Each that is quick makes the next one larger, the
quicker the more, so the pace is what the database shows that it can do, and no clock slows it. A transaction that takes
longer than its target halves it: then there is more work than the database can do beside its reads, and every writer
that notices makes room. From there it grows by small steps, so that several writers share alike (as TCP does).
"""

from math import ceil

#: What it begins with after an outage, and never goes below: a share of a full batch.
_FLOOR = 0.05
#: Above the share at which it last was too much, it grows by this.
_STEP = 0.02


class Pace:
    """`batch_max` writes may go into one transaction, which is to end within `target_s`."""

    def __init__(self, batch_max: int, *, target_s: float) -> None:
        self._batch_max = batch_max
        self._target_s = target_s
        self._changed_at = 0.0
        #: Up to here a quick transaction doubles the share.
        self._doubles_to = 1.0
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
        self._doubles_to = 1.0
        self._changed_at = now

    def ended(self, began: float, now: float) -> None:
        """A transaction has run from `began` to `now`, whatever became of it."""
        if began < self._changed_at:
            return  # one that began before the last change was not made by it
        slack = 1 - (now - began) / self._target_s
        if slack < 0:
            self._doubles_to = self.share = max(_FLOOR, self.share / 2)
        elif self.full:
            return
        elif self.share < self._doubles_to:
            self.share = min(self._doubles_to, self.share * (1 + slack))
        else:
            self.share = min(1.0, self.share + _STEP)
        self._changed_at = now
