"""Recorder: the history as it grows, by one clock that never jumps."""

import itertools
import threading
import time

from tests.promises.history import Event, History, Noted


class Recorder:
    """Any thread may add to it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._events: list[Event] = []
        self._numbers = itertools.count(1)
        self._adding = threading.Lock()

    def now(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._began

    def attempt(self) -> int:
        """The number of a new attempt."""
        return next(self._numbers)

    def add(self, event: Event) -> None:
        """One more."""
        with self._adding:
            self._events.append(event)

    def note(self, what: str) -> None:
        """Something interesting happened now."""
        self.add(Noted(self.now(), what))

    def history(self, since_s: float = 0.0) -> History:
        """So far, in the order of time."""
        with self._adding:
            events = [event for event in self._events if event.at_s >= since_s]
        return History(sorted(events, key=lambda event: event.at_s))
