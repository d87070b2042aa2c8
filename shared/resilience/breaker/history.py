"""History: a breaker's last transitions, and the transitions not yet reported."""

from collections import deque
from collections.abc import Iterable

from holdfast.shared.resilience.breaker.snapshot import State, Transition, Why

#: After these transitions the breaker is open, and it was open before.
_NO_OPENING = {Why.OBSERVE_ONLY, Why.OVERRIDE_OVER, Why.PROBE_FAILED, Why.PROBE_SLOW}


class History:
    """The last `kept` transitions of a breaker."""

    def __init__(self, kept: int) -> None:
        self.unreported: list[Transition] = []
        #: The transition that began the last outage. It may be older than all of `last`, because probes fill `last`.
        self.opened: Transition | None = None
        self.last: deque[Transition] = deque(maxlen=kept)

    def add(self, transition: Transition) -> None:
        """Keep a transition, and queue it to be reported."""
        if transition.to is State.OPEN and transition.why not in _NO_OPENING:
            self.opened = transition
        self.last.append(transition)
        self.unreported.append(transition)

    def keep(self, kept: int) -> None:
        """Keep this many transitions from now on."""
        self.last = deque(self.last, maxlen=kept)

    def take_unreported(self) -> Iterable[Transition]:
        """Return the transitions not yet reported, and count them as reported."""
        unreported, self.unreported = self.unreported, []
        return unreported
