"""What-if: what would become of a dead letter if it were sent again now. A closed set, and a public contract."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from holdfast.shared.writes.merge import Entity


class Verdict(StrEnum):
    """Everything but the last two ends the write."""

    WOULD_APPLY = "would_apply"
    ALREADY_APPLIED = "already_applied"
    #: The row is newer in all that the write sets.
    SUPERSEDED = "superseded"
    REJECTED = "rejected"
    #: An earlier write of the entity is not over.
    WOULD_WAIT = "would_wait"
    #: The database refuses it, or we have a bug: it would be dead again.
    STILL_FAILS = "still_fails"
    UNDECODABLE = "undecodable"


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One letter's verdict. `before`, `after`: the entity's row; None: there is none, or the trial ended before."""

    verdict: Verdict
    #: Why, in words without personal data; a code where there is one.
    why: str = ""
    before: Entity | None = None
    after: Entity | None = None
    #: Of a write that would wait: its verdict once it waits no longer.
    then: Verdict | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def diff(self) -> dict[str, tuple[Any, Any]]:
        """Column -> (before, after), of those that differ."""
        old = self.before.as_columns() if self.before else {}
        new = self.after.as_columns() if self.after else {}
        return {name: (old.get(name), value) for name, value in new.items() if old.get(name) != value}
