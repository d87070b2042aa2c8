"""Pace: how much this writer may ask of the database at once. Pure: the time is an argument.

After an outage the writer begins with small transactions, one at a time. Each quick transaction makes the next one
larger, the quicker the more. So the pace follows what the database can do, and no fixed schedule slows it. A
transaction that takes longer than its target halves the pace: there is more work than the database can do beside its
reads, and every writer that notices this makes room. From there the pace grows by small steps, so that several writers
converge to equal shares (as in TCP).
"""

from math import ceil

#: The initial pace after an outage, and the lowest: a share of a full batch.
_FLOOR = 0.05
#: Above the share to which the pace was last halved, it grows by this much per quick transaction.
_STEP = 0.02


class Pace:
    """The pace of one writer, whose transactions hold at most `batch_max` writes and should end within `target_s`
    seconds."""

    def __init__(self, batch_max: int, *, target_s: float) -> None:
        self._batch_max = batch_max
        self._target_s = target_s
        self._changed_at = 0.0
        #: Up to this share, a quick transaction may double the share.
        self._doubles_to = 1.0
        #: The share of a full batch that may go into a transaction; 1 when all is well.
        self.share = 1.0

    @property
    def full(self) -> bool:
        """Whether the pace is as when all is well. If not, one transaction at a time is enough."""
        return self.share >= 1.0

    @property
    def batch(self) -> int:
        """The number of writes that may go into the next transaction."""
        return ceil(self._batch_max * self.share)

    def begin_again(self, now: float) -> None:
        """Begin gently, because the database was away."""
        self.share = _FLOOR
        self._doubles_to = 1.0
        self._changed_at = now

    def ended(self, began: float, now: float) -> None:
        """Adjust the pace by a transaction that ran from `began` to `now`, whatever its result."""
        if began < self._changed_at:
            return  # it began before the last change, so it says nothing about the current pace
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
