"""`/dlq/what-if`: what would become of a selection if it were sent again now. Nothing changes."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from holdfast.services.dlq_admin.database import Database
from holdfast.shared.errors import SelectionTooLarge
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, Deed
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.edit import versions as edits
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.trial import what_if
from holdfast.shared.letters.what_if.verdict import WhatIf
from holdfast.shared.store.engine import Engine

#: States in which a letter could be sent again, at once or after a restore.
_STATES = (State.DEAD, State.DISCARDED)


class WhatIfs:
    """The question that routes and pages ask."""

    def __init__(self, database: Database, *, most: int) -> None:
        self._database = database
        self._most = most

    async def told(self, selection: Selection, limit: int, who: Actor | None) -> dict[str, Any]:
        """Counts of all, and the first `limit` one by one; `who`: sees them in clear, on record. Raises
        SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        try:
            verdicts, others = await self._database.at_length(_verdicts, selection, most=self._most)
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        shown = sorted(verdicts)[:limit]
        if who is not None:
            await self._database.change(audit.note_down, who, Deed.REVEAL, numbers=shown)
        return {
            "count": len(verdicts),
            "verdicts": Counter(each.verdict.value for each in verdicts.values()),
            "why": dict(
                Counter(f"{each.verdict}: {each.why}" for each in verdicts.values() if each.why).most_common(20)
            ),
            "others": others,
            "letters": [letter_told(number, verdicts[number], revealed=who is not None) for number in shown],
            "masked": who is None,
        }


def letter_told(number: int, one: WhatIf, *, revealed: bool) -> dict[str, Any]:
    """One verdict, with what of the entity's row would be otherwise."""
    row = one.after or one.before
    public = row.resource.public_columns if row else frozenset[str]()
    return {
        "id": id_of(number),
        "verdict": one.verdict,
        "why": one.why,
        "then": one.then,
        "detail": mask.value(one.detail, revealed=revealed),
        "entity_exists": one.before is not None,
        "fields": [field.name for field in row.resource.fields] if row else [],
        "diff": {
            name: {
                "before": mask.value(before, revealed=revealed or name in public),
                "after": mask.value(after, revealed=revealed or name in public),
            }
            for name, (before, after) in one.diff.items()
        },
    }


def _verdicts(engine: Engine, selection: Selection, *, most: int) -> tuple[dict[int, WhatIf], Mapping[str, int]]:
    found = change.look(engine, selection, _STATES, most=most)
    verdicts: dict[int, WhatIf] = {}
    for page in edits.pages_of(engine, found.numbers):
        fields = {number: one.fields for number, one in edits.look(engine, page).items()}
        verdicts |= what_if(engine, fields)
    return verdicts, found.others
