"""Final: the contents of the database, the streams, the dead letters and the third party's log at rest, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Entity(NamedTuple):
    """The identity of an entity: the plural name of its resource, and its id."""

    resource: str
    id: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An operation that has ended, as the database holds it."""

    operation_id: str
    entity: Entity
    #: The HTTP method of the write.
    method: str
    version: int
    #: "applied", "superseded", "rejected", or "none" for a heartbeat.
    effect: str
    #: The code of the rejection.
    code: str = ""
    #: Applied by the api itself, past the queue.
    direct: bool = False
    ended_at_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """An entity's row. A version of 0 means that the event never happened."""

    entity: Entity
    values: Mapping[str, Any]
    version: int
    created_version: int
    deleted_version: int

    @property
    def visible(self) -> bool:
        """Whether the entity has been created and not deleted."""
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
        """Whether the write lives in this letter: it waits for an operator, or an operator discarded it."""
        return self.state in ("dead", "replaying", "discarded")


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay, and the number of its letters by outcome."""

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
    #: Its number in the third party's log, which the answer's data contains; 0 if unknown.
    number: int = 0
    #: The process that sent it.
    peer: str = ""
    #: The fault of the answer, if any, and the seconds that the answer took.
    fault: str = ""
    slow_s: float = 0.0
    #: The answer's `Retry-After`.
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Final:
    """Everything at rest. A value that could not be read is None, and no check that needs it runs."""

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
    #: Whether a replica of the queue may have taken over without writes that were never acknowledged. The ledger may
    #: report such writes as lost.
    fails_over: bool = False
    #: For each ended epoch of the queue: the version above which it assigned versions, and the highest that its auditor
    #: had seen.
    seen: tuple[tuple[int, int], ...] = ()
    #: The third party's own log.
    arrivals: tuple[Arrival, ...] | None = None
    #: Recorded actions of operators, counted by kind.
    audited: Mapping[str, int] | None = None
    #: Readings of the ledger that did not balance, as reported during the run.
    imbalances: tuple[str, ...] = ()
    #: Tombstones that still hold personal data.
    unerased: tuple[str, ...] = field(default=())
