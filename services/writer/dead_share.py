"""Dead share: if too many of the recent entries would die, the fault is ours (a bad deploy, a changed schema), not the
entries'. The writer then halts rather than empty the stream into the dead letters. Pure: the time is an argument.

| a halt ends     | when                                                                                            |
|-----------------|-------------------------------------------------------------------------------------------------|
| by itself       | after a pause a few entries are tried again, and one lives; the pause grows with each try in vain |
| by itself       | nothing is left to try: the writer was frozen, and other writers ended what it kept             |
| by an operator  | the operator takes responsibility: the kept entries, and as many as a whole window, may die     |
"""

import uuid
from collections import deque
from dataclasses import dataclass, field

_PAUSE_BASE_S = 1.0


@dataclass(slots=True)
class Halt:
    """A halt of this writer. `why`: the error of the last entry that would be dead. Times are monotonic, in seconds."""

    since: float
    why: str
    next_try: float
    tries: int = 0
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


class DeadShare:
    """The share of dead outcomes among the last `over` outcomes."""

    def __init__(self, share_max: float, over: int, pause_max_s: float) -> None:
        self._share_max = share_max
        self._over = over
        self._pause_base_s = min(_PAUSE_BASE_S, pause_max_s)
        self._pause_max_s = pause_max_s
        self._pause_s = self._pause_base_s
        self._recent: deque[bool] = deque(maxlen=over)
        #: Outcomes since the last halt, up to a window.
        self._since_halt = over
        #: Outcomes for which an operator has taken responsibility.
        self._excused = 0
        #: The halt in force; None while entries that die are dead-lettered.
        self.halt: Halt | None = None

    def observe(self, *, dead: int, alive: int, now: float, why: str = "") -> None:
        """Count outcomes; `why` is the error of a dead one. An entry that lives ends a halt, unless most of the entries
        counted with it are dead."""
        if self._excused > 0:
            self._excused -= dead + alive
            return
        if self.halt is not None and alive:
            self._recent.clear()
        self._recent.extend([True] * dead)
        self._recent.extend([False] * alive)
        if self._too_many():
            self._begin_or_stay(now, why)
        elif self.halt is not None:
            if alive:
                self._end()
            elif dead:
                self.halt.why = why
        else:
            self._since_halt = min(self._over, self._since_halt + dead + alive)

    def try_now(self, now: float) -> bool:
        """Return whether a few entries are to be tried now. If so, set the next try, after a longer pause."""
        if self.halt is None or now < self.halt.next_try:
            return False
        self._pause_s = min(self._pause_max_s, 2 * self._pause_s)
        self.halt.next_try = now + self._pause_s
        self.halt.tries += 1
        return True

    def nothing_left(self) -> None:
        """End the halt because no kept entry is left that could end it. The next entries show whether that is right."""
        self._end()

    def go_on(self, kept: int) -> None:
        """End the halt by an operator's order: `kept` entries, and as many as a window, may die."""
        self._end()
        self._excused = kept + self._over

    def _begin_or_stay(self, now: float, why: str) -> None:
        if self.halt is None:
            if self._since_halt >= self._over:  # a halt soon after another does not begin with a short pause
                self._pause_s = self._pause_base_s
            self.halt = Halt(now, why, now + self._pause_s)
        elif why:
            self.halt.why = why

    def _end(self) -> None:
        self.halt = None
        self._recent.clear()
        self._since_halt = 0

    def _too_many(self) -> bool:
        recent = len(self._recent)
        return recent >= self._over // 4 and sum(self._recent) / recent > self._share_max
