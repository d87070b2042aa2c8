"""Selection: the dead letters that an operator points at: by their ids, by their group, by a filter, by what came of
them in a replay, or by an entry of the audit. The same form for every operation."""

from dataclasses import asdict, dataclass
from typing import Any

from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.replays.plan import ItemState
from holdfast.shared.letters.state import State


@dataclass(frozen=True, slots=True)
class Filter:
    """`first`, `last`: numbers, both included. `text`: in what pages show but for payloads, whatever the case."""

    state: State | None = None
    fingerprint: str | None = None
    reason: str | None = None
    code: str | None = None
    command: str | None = None
    build: str | None = None
    resource: str | None = None
    entity_id: str | None = None
    operation_id: str | None = None
    text: str | None = None
    first: int | None = None
    last: int | None = None

    def to_json(self) -> dict[str, Any]:
        """The given conditions, for a record."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Selection:
    """Either `numbers`, or `matching` (a group is the filter of its fingerprint)."""

    numbers: tuple[int, ...] = ()
    matching: Filter | None = None
    #: Or what came of a replay: its id, and the outcomes that are meant.
    replay: tuple[int, tuple[ItemState, ...]] | None = None
    #: Or those that an entry of the audit concerns: its id. `untouched`: only what nothing has changed since.
    audit: int | None = None
    untouched: bool = False

    def to_json(self) -> dict[str, Any]:
        """For a record."""
        if self.replay is not None:
            return {"replay": {"id": self.replay[0], "outcomes": list(self.replay[1])}}
        if self.audit is not None:
            return {"audit": self.audit}
        if self.matching is None:
            return {"ids": [id_of(number) for number in self.numbers]}
        return {"filter": self.matching.to_json()}
