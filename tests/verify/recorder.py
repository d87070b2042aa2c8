"""Recorder: collects the history by one clock that never jumps."""

import itertools
import threading
import time

from tests.promises.history import Event, History, Noted


class Recorder:
    """The history of a run. Any thread may add to it."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._events: list[Event] = []
        self._numbers = itertools.count(1)
        self._adding = threading.Lock()

    def now(self) -> float:
        """Return the seconds since it was made."""
        return time.monotonic() - self._began

    def attempt(self) -> int:
        """Return the number of a new attempt."""
        return next(self._numbers)

    def add(self, event: Event) -> None:
        """Add an event."""
        with self._adding:
            self._events.append(event)

    def note(self, what: str) -> None:
        """Add an event that is counted as a *sometimes*."""
        self.add(Noted(self.now(), what))

    def history(self, since_s: float = 0.0) -> History:
        """Return the history so far, in order."""
        with self._adding:
            events = [event for event in self._events if event.at_s >= since_s]
        return History(sorted(events, key=lambda event: event.at_s))
