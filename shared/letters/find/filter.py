"""Filter: which letters an operator means. Every given condition must hold."""

from dataclasses import asdict, dataclass
from typing import Any

from holdfast.shared.letters.state import State


@dataclass(frozen=True, slots=True)
class Filter:
    """`first`, `last`: numbers, both included. `text`: in the error, whatever the case."""

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
