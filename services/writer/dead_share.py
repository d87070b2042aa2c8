"""Dead share: when too many of the recent entries would die, the fault is ours (a bad deploy, a changed schema), not
theirs. Then the writer stops and says so, rather than empty the stream into the dead letters."""

from collections import deque

from shared import metrics


class DeadShare:
    """The share of dead outcomes among the last `over` ones."""

    def __init__(self, share_max: float, over: int) -> None:
        self._share_max = share_max
        self._recent: deque[bool] = deque(maxlen=over)
        self._enough = over // 4

    @property
    def halted(self) -> bool:
        """Whether nothing more may be dead-lettered."""
        recent = len(self._recent)
        return recent >= self._enough and sum(self._recent) / recent > self._share_max

    def observe(self, *, dead: int, alive: int) -> None:
        """Count outcomes. Entries that are alive lead out of a halt."""
        self._recent.extend([True] * dead)
        self._recent.extend([False] * alive)
        metrics.halted.set(self.halted)
