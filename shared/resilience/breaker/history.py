"""History: the last transitions, and those that were not reported yet."""

from collections import deque
from collections.abc import Iterable

from holdfast.shared.resilience.breaker.snapshot import State, Transition, Why

#: It is open after these, and was before.
_NO_OPENING = {Why.OBSERVE_ONLY, Why.OVERRIDE_OVER, Why.PROBE_FAILED, Why.PROBE_SLOW}


class History:
    """The last `kept` transitions of a breaker."""

    def __init__(self, kept: int) -> None:
        self.unreported: list[Transition] = []
        #: What began the last outage; it may be older than all of `last`, which probes fill.
        self.opened: Transition | None = None
        self.last: deque[Transition] = deque(maxlen=kept)

    def add(self, transition: Transition) -> None:
        """Keep a transition, to be reported."""
        if transition.to is State.OPEN and transition.why not in _NO_OPENING:
            self.opened = transition
        self.last.append(transition)
        self.unreported.append(transition)

    def keep(self, kept: int) -> None:
        """Keep this many from now on."""
        self.last = deque(self.last, maxlen=kept)

    def take_unreported(self) -> Iterable[Transition]:
        """The transitions that were not reported yet; they count as reported now."""
        unreported, self.unreported = self.unreported, []
        return unreported
