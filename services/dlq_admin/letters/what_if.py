"""What-if: what would become of a selection if it were sent again now. Nothing changes."""

from collections import Counter
from collections.abc import Mapping

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.results import Change, LetterVerdict, WhatIfResult
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.edit import versions
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.trial import what_if
from holdfast.shared.letters.what_if.verdict import WhatIf
from holdfast.shared.store.engine import Engine

#: States in which a letter could be sent again, at once or after a restore.
_STATES = (State.DEAD, State.DISCARDED)
_WHY_MAX = 20


class WhatIfs:
    """What-ifs. `most`: letters of one question."""

    def __init__(self, database: Database, *, most: int) -> None:
        self._database = database
        self._most = most

    async def ask(self, selection: Selection, limit: int, who: Actor | None) -> WhatIfResult:
        """Counts of all letters, and the first `limit` one by one. With `who` nothing is masked, and that is on record.
        Raises SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        verdicts, others = await self._database.at_length(_verdicts, selection, most=self._most)
        shown = sorted(verdicts)[:limit]
        if who is not None:
            await self._database.change(audit.record_read, who, AuditAction.REVEAL, numbers=shown)
        why = Counter(f"{each.verdict}: {each.why}" for each in verdicts.values() if each.why)
        return WhatIfResult(
            count=len(verdicts),
            verdicts=Counter(each.verdict.value for each in verdicts.values()),
            why=dict(why.most_common(_WHY_MAX)),
            others=others,
            letters=[_letter(number, verdicts[number], revealed=who is not None) for number in shown],
            masked=who is None,
        )


def _letter(number: int, one: WhatIf, *, revealed: bool) -> LetterVerdict:
    row = one.after or one.before
    public = row.resource.public_columns if row else frozenset[str]()
    return LetterVerdict(
        id=id_of(number),
        verdict=one.verdict,
        why=one.why,
        then=one.then,
        detail=mask.value(one.detail, revealed=revealed),
        entity_exists=one.before is not None,
        fields=[field.name for field in row.resource.fields] if row else [],
        diff={
            name: Change(
                before=mask.value(before, revealed=revealed or name in public),
                after=mask.value(after, revealed=revealed or name in public),
            )
            for name, (before, after) in one.diff.items()
        },
    )


def _verdicts(engine: Engine, selection: Selection, *, most: int) -> tuple[dict[int, WhatIf], Mapping[str, int]]:
    found = change.look(engine, selection, _STATES, most=most)
    verdicts: dict[int, WhatIf] = {}
    for page in versions.pages_of(engine, found.numbers):
        fields = {number: one.fields for number, one in versions.look(engine, page).items()}
        verdicts |= what_if(engine, fields)
    return verdicts, found.others
