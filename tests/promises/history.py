"""History: what clients sent and received, what operators did, and which faults were injected, as events in order.

All times are seconds of one clock, whose zero is arbitrary. `lines` and `read` convert to JSON lines and back.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, TypeVar

T = TypeVar("T")

#: The kind of a planted entry whose id lies in the future.
AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Shown:
    """An entity as an answer showed it."""

    id: str
    version: int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invoke:
    """A client sends a request. `attempt` is unique in the history; requests with one key are attempts at one write."""

    at_s: float
    attempt: int
    client: str
    #: The process that receives it.
    target: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    #: The `Idempotency-Key`, or empty.
    key: str = ""
    #: The version in `If-Match`, or 0.
    if_match: int = 0
    #: Whether the write is made so that no writer can apply it.
    poison: bool = False
    #: When the write expires if it is still queued; None if never.
    expires_s: float | None = None
    #: The time that the request gives for its answer; None if it leaves that to the process.
    within_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ok:
    """A usable answer. A write's answer has `operation_id`, `entity_id`, `version` (0 if not in the answer) and
    `state`; that of a read has `shown`; that of an operation has `state`."""

    at_s: float
    attempt: int
    status: int
    operation_id: str = ""
    entity_id: str = ""
    version: int = 0
    #: "queued", "applied", "superseded", "rejected", "expired", "dead_lettered", "discarded".
    state: str = ""
    #: Whether this repeats the answer to an earlier attempt with the same key.
    repeated: bool = False
    shown: tuple[Shown, ...] = ()
    #: Whether queued writes are included; None if the queue was not asked, or did not answer.
    pending: bool | None = None
    #: Age of the copy that was served; None if the answer is no copy.
    age_s: float | None = None
    #: Whether the answer is a copy or a configured default.
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """An error which states that the request had no effect."""

    at_s: float
    attempt: int
    status: int
    code: str
    operation_id: str = ""
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or an answer that leaves open whether the request had an effect. `why`: the error's code, "timeout",
    "reset", "refused" (the request was never sent), "hung up" (by the client) ..."""

    at_s: float
    attempt: int
    why: str
    status: int = 0
    operation_id: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that lasted from `at_s` until `until_s`. `target`: a process or a store, "*" for all."""

    at_s: float
    until_s: float
    #: "kill", "freeze", "cut", "slow", "fill", "power loss", "failover", "wipe", "read-only", "clock" ...
    what: str
    target: str
    #: The store loses what it acknowledged since then; None if it loses nothing.
    forgets_since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """An operator's action: "replay", "discard", "edit", "recall" ... `done`: whether it was confirmed."""

    at_s: float
    who: str
    action: str
    done: bool
    operations: tuple[str, ...] = ()
    replay_id: int = 0


@dataclass(frozen=True, slots=True)
class Planted:
    """An entry put on the write stream by hand. `poison`: whether no writer can apply it as it is. `ends`: how it has
    to end, "applied" or "dead"; empty if any end is allowed."""

    at_s: float
    kind: str
    poison: bool
    operation_id: str = ""
    entity_id: str = ""
    entry_id: str = ""
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """From `at_s` on, for a while, the database refuses every change of these entities and of no others."""

    at_s: float
    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """An event that the run itself observed, to be counted as a *sometimes*."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A breaker for the third party's calls of one `method` went from closed to open."""

    at_s: float
    process: str
    method: str


@dataclass(frozen=True, slots=True)
class Tripped:
    """A breaker that guards a store went from closed to open in one process."""

    at_s: float
    process: str
    dependency: str


@dataclass(frozen=True, slots=True)
class Alone:
    """From `at_s` until `until_s` this dependency was down, and everything else was healthy."""

    at_s: float
    until_s: float
    dependency: str


@dataclass(frozen=True, slots=True)
class AtRest:
    """All faults were mended and the load had ended at `mended_s`; no work was left at `at_s`. `paced_s`: what the
    replays that ran then took at least, because an operator had set their pace."""

    at_s: float
    mended_s: float
    paced_s: float = 0.0


End = Ok | Fail | Unknown
Event = Invoke | Ok | Fail | Unknown | Fault | Act | Planted | Refused | Noted | Opened | Tripped | Alone | AtRest
_KINDS = {kind.__name__: kind for kind in Event.__args__}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and its end, which is None if it never ended."""

    sent: Invoke
    end: End | None

    @property
    def ok(self) -> Ok | None:
        """The answer, or None if there is no usable one."""
        return self.end if isinstance(self.end, Ok) else None

    @property
    def is_write(self) -> bool:
        """Whether the request changes an entity. Requests to the third party do not."""
        return self.sent.method != "GET" and not self.sent.path.startswith("/external")


class History:
    """Events in order of time, with what can be derived from them."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = tuple(events)

    def of(self, kind: type[T]) -> Iterator[T]:
        """Return the events of one kind."""
        return (event for event in self.events if isinstance(event, kind))

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request, in the order of sending."""
        ends = {event.attempt: event for event in self.events if isinstance(event, Ok | Fail | Unknown)}
        return tuple(Attempt(sent, ends.get(sent.attempt)) for sent in self.of(Invoke))

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault."""
        return tuple(self.of(Fault))

    def broken(self, target: str, begin_s: float, end_s: float) -> bool:
        """Return whether a fault affected `target` in this time."""
        return any(
            fault.target in (target, "*") and fault.at_s <= end_s and begin_s <= fault.until_s for fault in self.faults
        )

    def forgot(self, begin_s: float, end_s: float) -> bool:
        """Return whether a store was made to lose data in this time."""
        forgets = (fault for fault in self.faults if fault.forgets_since_s is not None)
        return any(fault.at_s <= end_s and begin_s <= fault.until_s for fault in forgets)

    @cached_property
    def sent_s(self) -> Mapping[int, float]:
        """The sending time of each attempt."""
        return {attempt.sent.attempt: attempt.sent.at_s for attempt in self.attempts}

    def forgotten(self, answer: Ok) -> bool:
        """Return whether a store may have lost what this answer acknowledges. The store accepted it at some time
        between request and answer, which can be far apart."""
        sent_s = self.sent_s[answer.attempt]
        return any(
            fault.forgets_since_s is not None and fault.forgets_since_s <= answer.at_s and sent_s <= fault.until_s
            for fault in self.faults
        )


def lines(events: Iterable[Event]) -> str:
    """Return the events as JSON lines."""
    return "".join(json.dumps({"event": type(event).__name__.lower(), **_fields(event)}) + "\n" for event in events)


def read(text: str) -> History:
    """Return the history that JSON lines hold. Raises ValueError or KeyError."""
    return History(_event(json.loads(line)) for line in text.splitlines() if line)


def _fields(event: Event) -> dict[str, Any]:
    return asdict(event)


def _event(fields: dict[str, Any]) -> Event:
    kinds = {name.lower(): kind for name, kind in _KINDS.items()}
    kind = kinds[fields.pop("event")]
    if "shown" in fields:
        fields["shown"] = tuple(Shown(**shown) for shown in fields["shown"])
    for name in ("operations", "entities"):
        if name in fields:
            fields[name] = tuple(fields[name])
    event: Event = kind(**fields)
    return event
