"""History: what clients sent and received, what operators did and what was broken, as events in the order of time.

Seconds are of one clock for the whole history; its zero does not matter. `lines` and `read` are its JSON lines form.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, TypeVar

T = TypeVar("T")

#: The kind of an entry that was put under an id of the future.
AHEAD = "ahead"


@dataclass(frozen=True, slots=True)
class Shown:
    """An entity as an answer showed it."""

    id: str
    version: int
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Invoke:
    """A client sends a request. `attempt` is unique in the history; requests of one key are attempts at one write."""

    at_s: float
    attempt: int
    client: str
    #: The process that it is sent to.
    target: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    #: Its Idempotency-Key.
    key: str = ""
    #: The version in If-Match; 0: none.
    if_match: int = 0
    #: Its write is arranged to be one that no writer can apply.
    poison: bool = False
    #: When its write expires, if it is still queued; None: never.
    expires_s: float | None = None


@dataclass(frozen=True, slots=True)
class Ok:
    """A usable answer. Of a write: `operation_id`, `entity_id`, `version` (0: not in the answer) and `state`. Of a
    read: what it `shown`. Of an operation: its `state`."""

    at_s: float
    attempt: int
    status: int
    operation_id: str = ""
    entity_id: str = ""
    version: int = 0
    #: "queued", "applied", "superseded", "rejected", "expired", "dead_lettered", "discarded".
    state: str = ""
    #: The answer of an earlier attempt with the same key.
    repeated: bool = False
    shown: tuple[Shown, ...] = ()
    #: Whether writes still queued are in it; None: the queue was not asked, or did not answer.
    pending: bool | None = None
    #: Age of the copy that it comes from; None: no copy.
    age_s: float | None = None
    #: The answer is a configured default, or a copy.
    degraded: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """An error that states that the request did not happen."""

    at_s: float
    attempt: int
    status: int
    code: str
    operation_id: str = ""
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or one that leaves open whether the request happened. `why`: the error's code, "timeout", "reset",
    "refused" (it never left), "hung up" (the client did) ..."""

    at_s: float
    attempt: int
    why: str
    status: int = 0
    operation_id: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something was broken from `at_s` until `until_s`. `target`: a process or a store, "*" for all."""

    at_s: float
    until_s: float
    #: "kill", "freeze", "cut", "slow", "fill", "power loss", "failover", "wipe", "read-only", "clock" ...
    what: str
    target: str
    #: The store forgets what it acknowledged since then; None: it keeps all.
    forgets_since_s: float | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What an operator did: "replay", "discard", "edit", "recall" ... `done`: it was confirmed."""

    at_s: float
    who: str
    action: str
    done: bool
    operations: tuple[str, ...] = ()
    replay_id: int = 0


@dataclass(frozen=True, slots=True)
class Planted:
    """An entry put on the write stream by hand. `poison`: no writer can apply it as it is. `ends`: how it has to end at
    rest, "applied" or "dead"; empty: in any way."""

    at_s: float
    kind: str
    poison: bool
    operation_id: str = ""
    entity_id: str = ""
    entry_id: str = ""
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """From now on, for a while, the database refuses every change of these entities, and of no other."""

    at_s: float
    entities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Noted:
    """Something interesting happened, as the run itself saw it: it counts for a *sometimes*."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A breaker that keeps calls of one `method` from the third party opened, after it had been closed."""

    at_s: float
    process: str
    method: str


@dataclass(frozen=True, slots=True)
class Tripped:
    """A breaker that guards a store opened in a process, after it had been closed."""

    at_s: float
    process: str
    dependency: str


@dataclass(frozen=True, slots=True)
class Alone:
    """From `at_s` until `until_s` this dependency was down, and everything else was well."""

    at_s: float
    until_s: float
    dependency: str


@dataclass(frozen=True, slots=True)
class AtRest:
    """All faults are mended and no load is sent any more, from `mended_s`; nothing was left to do at `at_s`."""

    at_s: float
    mended_s: float


End = Ok | Fail | Unknown
Event = Invoke | Ok | Fail | Unknown | Fault | Act | Planted | Refused | Noted | Opened | Tripped | Alone | AtRest
_KINDS = {kind.__name__: kind for kind in Event.__args__}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and its end; None: it never ended."""

    sent: Invoke
    end: End | None

    @property
    def ok(self) -> Ok | None:
        """Its answer, if it is a usable one."""
        return self.end if isinstance(self.end, Ok) else None

    @property
    def is_write(self) -> bool:
        """Whether it changes an entity; what is sent to the third party does not."""
        return self.sent.method != "GET" and not self.sent.path.startswith("/external")


class History:
    """Events in the order of time, and what follows from them."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = tuple(events)

    def of(self, kind: type[T]) -> Iterator[T]:
        """The events of one kind."""
        return (event for event in self.events if isinstance(event, kind))

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request, in the order of sending."""
        ends = {event.attempt: event for event in self.events if isinstance(event, Ok | Fail | Unknown)}
        return tuple(Attempt(sent, ends.get(sent.attempt)) for sent in self.of(Invoke))

    @cached_property
    def faults(self) -> tuple[Fault, ...]:
        """What was broken."""
        return tuple(self.of(Fault))

    def broken(self, target: str, begin_s: float, end_s: float) -> bool:
        """Whether a fault touched `target` in this time."""
        return any(
            fault.target in (target, "*") and fault.at_s <= end_s and begin_s <= fault.until_s for fault in self.faults
        )

    def forgot(self, begin_s: float, end_s: float) -> bool:
        """Whether a store was made to forget anything in this time."""
        forgets = (fault for fault in self.faults if fault.forgets_since_s is not None)
        return any(fault.at_s <= end_s and begin_s <= fault.until_s for fault in forgets)

    @cached_property
    def sent_s(self) -> Mapping[int, float]:
        """When each attempt was sent."""
        return {attempt.sent.attempt: attempt.sent.at_s for attempt in self.attempts}

    def forgotten(self, answer: Ok) -> bool:
        """Whether a store may have been made to forget what this acknowledges, which it took between request and
        answer: the answer may have been long on its way."""
        sent_s = self.sent_s[answer.attempt]
        return any(
            fault.forgets_since_s is not None and fault.forgets_since_s <= answer.at_s and sent_s <= fault.until_s
            for fault in self.faults
        )


def lines(events: Iterable[Event]) -> str:
    """JSON lines."""
    return "".join(json.dumps({"event": type(event).__name__.lower(), **_fields(event)}) + "\n" for event in events)


def read(text: str) -> History:
    """From JSON lines. Raises ValueError or KeyError."""
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
