"""Decisions: what is decided about a request is told once, where it is decided: to the request's explanation, to its
trace, and where it is worth a line to the logs. Numbers, ids and names of ours; never personal data.
"""

import time
from contextvars import ContextVar, Token
from typing import Any, NamedTuple

from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.tracing import spans

#: More says nothing that the first ones do not.
_NOTES_MAX = 100
#: Of each kind, in a second, from one process: in an overload there is no time for more.
_LINES_MAX = 10


class Note(NamedTuple):
    """A decision, `at` on the monotonic clock."""

    at: float
    action: Action
    numbers: dict[str, Any]


class Notes:
    """Of one request. `kept` False: nobody will ask for them."""

    __slots__ = ("_kept", "request_id", "taken")

    def __init__(self, request_id: str, *, kept: bool) -> None:
        self.request_id = request_id
        self.taken: list[Note] = []
        self._kept = kept

    def take(self, action: Action, numbers: dict[str, Any]) -> None:
        """One more."""
        if self._kept and len(self.taken) < _NOTES_MAX:
            self.taken.append(Note(time.monotonic(), action, numbers))


_NOTES: ContextVar[Notes | None] = ContextVar("notes", default=None)


def begin(notes: Notes) -> Token[Notes | None]:
    """For what runs in this context from here on."""
    return _NOTES.set(notes)


def end(token: Token[Notes | None]) -> None:
    """The request is over."""
    _NOTES.reset(token)


def note(action: Action, **numbers: Any) -> None:
    """As on any day, and part of the explanation."""
    notes = _NOTES.get()
    if notes is None:
        return
    notes.take(action, numbers)
    if spans.collector is not None:
        spans.event(action.value, {name: value for name, value in numbers.items() if value is not None})


def decided(action: Action, **numbers: Any) -> None:
    """Not as on any day: a line in the logs too. What background work decides is for its own lines to say."""
    notes = _NOTES.get()
    if notes is None:
        return
    note(action, **numbers)
    untold = _lines.more(action, time.monotonic())
    if untold is not None:
        more = {"untold": untold} if untold else {}
        logs.warning(action, request_id=notes.request_id, **numbers, **more)


class Lines:
    """How many lines of each kind are written. Pure."""

    def __init__(self, most_per_s: int) -> None:
        self._most = most_per_s
        self._second: dict[Action, tuple[int, int]] = {}
        self._untold: dict[Action, int] = {}

    def more(self, action: Action, now: float) -> int | None:
        """None: not another one in this second. Else how many were left out since the last."""
        second, written = self._second.get(action, (0, 0))
        if second != int(now):
            written = 0
        if written >= self._most:
            self._untold[action] = self._untold.get(action, 0) + 1
            return None
        self._second[action] = (int(now), written + 1)
        return self._untold.pop(action, 0)


_lines = Lines(_LINES_MAX)
