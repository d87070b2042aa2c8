"""Prediction: what would happen to a dead letter if it were replayed now. The set is closed, and a public contract."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from holdfast.shared.writes.merge import Entity


class Prediction(StrEnum):
    """The predicted result of a replay. `would_wait`, `still_fails` and `undecodable` do not end the write."""

    WOULD_APPLY = "would_apply"
    ALREADY_APPLIED = "already_applied"
    #: Newer writes have overwritten everything that the write sets.
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    #: An earlier write of the entity is still pending.
    WOULD_WAIT = "would_wait"
    #: The database refuses the write, or our code has a bug: the write would be dead-lettered again.
    STILL_FAILS = "still_fails"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The prediction for a letter. `before`, `after`: the entity's row, or None if there is none or the trial ended
    before it was read."""

    verdict: Prediction
    #: The reason, without personal data: an error code if there is one, else a text.
    why: str = ""
    before: Entity | None = None
    after: Entity | None = None
    #: For a write that would wait: the verdict after the wait.
    then: Prediction | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def diff(self) -> dict[str, tuple[Any, Any]]:
        """The columns that differ: column -> (before, after)."""
        old = self.before.as_columns() if self.before else {}
        new = self.after.as_columns() if self.after else {}
        return {name: (old.get(name), value) for name, value in new.items() if old.get(name) != value}
