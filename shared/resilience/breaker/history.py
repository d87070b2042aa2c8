"""History: the last transitions, and those that nobody has been told of yet."""

from collections import deque
from collections.abc import Iterable

from holdfast.shared.resilience.breaker.snapshot import State, Transition, Why

_NO_OPENING = {Why.OBSERVE_ONLY, Why.OVERRIDE_OVER}


class History:
    """Keeps the last `kept` transitions."""

    def __init__(self, kept: int) -> None:
        self.untold: list[Transition] = []
        #: The last opening, which may be older than all of `last`.
        self.opened: Transition | None = None
        self.last: deque[Transition] = deque(maxlen=kept)

    def note(self, transition: Transition) -> None:
        """Remember it, and that it has to be told."""
        if transition.to is State.OPEN and transition.why not in _NO_OPENING:
            self.opened = transition
        self.last.append(transition)
        self.untold.append(transition)

    def keep(self, kept: int) -> None:
        """Keep so many from now on."""
        self.last = deque(self.last, maxlen=kept)

    def tell(self) -> Iterable[Transition]:
        """What nobody has been told of yet, once."""
        told, self.untold = self.untold, []
        return told
