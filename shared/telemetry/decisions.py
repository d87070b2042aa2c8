"""Decisions: records each decision about a request once, where it is made: in the request's explanation, in its trace,
and, if it is unusual, in the log. Fields are numbers, ids and our own names, never personal data.

    note(Action.RATE_COUNTED, left=9)                   # usual: explanation and trace
    decided(Action.FALLBACK_SERVED, source="cache")     # unusual: a log line too
"""

import time
from contextvars import ContextVar, Token
from typing import Any, NamedTuple

from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.tracing import spans

#: Maximum number of notes kept per request.
_NOTES_MAX = 100
#: Log lines per action and second of one process, so that an overload does not log without limit.
_LINES_MAX = 10


class Note(NamedTuple):
    """A decision. `at` is on the monotonic clock."""

    at: float
    action: Action
    numbers: dict[str, Any]


class Notes:
    """The notes of one request. If `kept` is False, explanations are off, and notes are dropped."""

    __slots__ = ("_kept", "request_id", "taken")

    def __init__(self, request_id: str, *, kept: bool) -> None:
        self.request_id = request_id
        self.taken: list[Note] = []
        self._kept = kept

    def take(self, action: Action, numbers: dict[str, Any], at: float | None = None) -> None:
        """Add a note. `at`: its time on the monotonic clock; now by default."""
        if self._kept and len(self.taken) < _NOTES_MAX:
            self.taken.append(Note(time.monotonic() if at is None else at, action, numbers))


_NOTES: ContextVar[Notes | None] = ContextVar("notes", default=None)


def begin(notes: Notes) -> Token[Notes | None]:
    """Start collecting the notes of this context. Return the token for `end`."""
    return _NOTES.set(notes)


def end(token: Token[Notes | None]) -> None:
    """Stop collecting."""
    _NOTES.reset(token)


def note(action: Action, **numbers: Any) -> None:
    """Record a usual decision."""
    _take(action, numbers)


def adopt(shared: Notes) -> None:
    """Record the decisions of a call that this request shared with other requests, at the times when they were made."""
    for each in shared.taken:
        _take(each.action, each.numbers, each.at)


def decided(action: Action, **numbers: Any) -> None:
    """Record an unusual decision, with a log line. Outside a request nothing is recorded: loops write log lines of
    their own."""
    notes = _NOTES.get()
    if notes is None:
        return
    note(action, **numbers)
    suppressed = _lines.allow(action, time.monotonic())
    if suppressed is not None:
        more = {"suppressed": suppressed} if suppressed else {}
        logs.warning(action, request_id=notes.request_id, **numbers, **more)


def _take(action: Action, numbers: dict[str, Any], at: float | None = None) -> None:
    notes = _NOTES.get()
    if notes is None:
        return
    notes.take(action, numbers, at)
    if spans.collector is not None:
        spans.event(action.value, {name: value for name, value in numbers.items() if value is not None})


class Lines:
    """Limits the log lines per action and second. Pure."""

    def __init__(self, most_per_s: int) -> None:
        self._most = most_per_s
        self._second: dict[Action, tuple[int, int]] = {}
        self._suppressed: dict[Action, int] = {}

    def allow(self, action: Action, now: float) -> int | None:
        """Return None if this second has no room for another line, else the number of lines suppressed since the last
        one."""
        second, written = self._second.get(action, (0, 0))
        if second != int(now):
            written = 0
        if written >= self._most:
            self._suppressed[action] = self._suppressed.get(action, 0) + 1
            return None
        self._second[action] = (int(now), written + 1)
        return self._suppressed.pop(action, 0)


_lines = Lines(_LINES_MAX)
