"""Final: what the database, the streams, the dead letters and the third party hold at rest, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Entity(NamedTuple):
    """Which one: the plural name of its resource, and its id."""

    resource: str
    id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation that the database holds as over."""

    operation_id: str
    entity: Entity
    #: The HTTP method that asks for it.
    method: str
    version: int
    #: "applied", "superseded", "rejected" or "none" (of a heartbeat).
    effect: str
    #: The code of the rejection.
    code: str = ""
    #: Applied by the api itself, past the queue.
    direct: bool = False
    ended_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """An entity's row. A version of 0: never."""

    entity: Entity
    values: Mapping[str, Any]
    version: int
    created_version: int
    deleted_version: int

    @property
    def visible(self) -> bool:
        """Created and not deleted."""
        return self.created_version > 0 and self.deleted_version == 0


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter, indexed or still on its stream."""

    id: str
    operation_id: str
    #: "dead", "replaying", "discarded", "applied", "duplicate", "superseded", "rejected", "expired", "dead_again".
    state: str
    reason: str
    entry_id: str = ""
    error: str = ""
    entity_id: str = ""
    edited: bool = False

    @property
    def open(self) -> bool:
        """Its write waits for an operator, or one gave it up: this letter is where the write is."""
        return self.state in ("dead", "replaying", "discarded")


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay and its letters by outcome."""

    id: int
    state: str
    letters: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that reached the third party."""

    at_s: float
    method: str
    key: str = ""
    #: Its place in the third party's log, which the data it was answered with names; 0: not known.
    number: int = 0
    #: The process that it came from.
    peer: str = ""
    #: What was wrong with the answer, and how long it took.
    fault: str = ""
    slow_s: float = 0.0
    #: So long it asked to be left alone.
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Final:
    """Everything at rest. A list that nobody read is None, and what depends on it is not checked."""

    ended: tuple[Ended, ...] = ()
    rows: tuple[Row, ...] = ()
    letters: tuple[Letter, ...] = ()
    replays: tuple[Replay, ...] = ()
    #: Letters that replays put on the stream, as the queue counted them.
    resent: int | None = None
    #: Entries left on the write stream, and names in the queue that should be gone.
    entries_left: tuple[str, ...] = ()
    names_left: tuple[str, ...] = ()
    #: The ledger's terms as the system reports them.
    ledger: Mapping[str, int] | None = None
    #: Another node of the queue may have taken over without what nobody was promised: the ledger may name that as lost.
    fails_over: bool = False
    #: Of each epoch of the queue that has ended: above which version it gave versions out, and up to which its auditor
    #: had seen them.
    seen: tuple[tuple[int, int], ...] = ()
    #: The third party's own log.
    arrivals: tuple[Arrival, ...] | None = None
    #: How often each kind of act of operators is on record.
    audited: Mapping[str, int] | None = None
    #: Readings of the ledger that did not balance, as the system showed them while the run went on.
    imbalances: tuple[str, ...] = ()
    #: Rows of tombstones that still hold personal data.
    unerased: tuple[str, ...] = field(default=())
