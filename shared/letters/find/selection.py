"""Selection: the dead letters that an operator chooses: by their ids, by their group, by a filter, by their results in
a replay, or by an audit entry. All actions use the same form."""

from dataclasses import asdict, dataclass
from typing import Any

from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.replays.plan import ItemState
from holdfast.shared.letters.state import State


@dataclass(frozen=True, slots=True)
class Filter:
    """The conditions on letters; None: any. `first`, `last`: numbers, both included. `text`: contained, in any case, in
    a column that pages show, which exclude the payload."""

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
        """Return the given conditions for a record."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice of letters by one of `numbers`, `matching`, `replay` and `audit`. A group is the filter of its
    fingerprint.
    """

    numbers: tuple[int, ...] = ()
    matching: Filter | None = None
    #: The id of a replay, and the results of its items.
    replay: tuple[int, tuple[ItemState, ...]] | None = None
    #: The id of an audit entry that concerns the letters. `untouched`: only letters that no later action has changed.
    audit: int | None = None
    untouched: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the selection for a record."""
        if self.replay is not None:
            return {"replay": {"id": self.replay[0], "outcomes": list(self.replay[1])}}
        if self.audit is not None:
            return {"audit": self.audit}
        if self.matching is None:
            return {"ids": [id_of(number) for number in self.numbers]}
        return {"filter": self.matching.to_json()}
