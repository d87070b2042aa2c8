"""What-if: what would become of a selection if it were sent again now. Nothing is changed."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.models import GroupWhatIf
from holdfast.services.dlq_admin.letters.results import Change, LetterVerdict, WhatIfResult
from holdfast.services.dlq_admin.letters.tried import Tried
from holdfast.shared.letters import mask
from holdfast.shared.letters.audit import entries as audit
from holdfast.shared.letters.audit.entries import Actor, AuditAction
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.decide.change import Found
from holdfast.shared.letters.edit import versions
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.state import State
from holdfast.shared.letters.what_if.prediction import WhatIf
from holdfast.shared.letters.what_if.trial import what_if
from holdfast.shared.runtime.timestamps import precise, utc_now
from holdfast.shared.store.engine import Engine

#: States in which a letter could be sent again, at once or after a restore.
_STATES = (State.DEAD, State.DISCARDED)
_WHY_MAX = 20


@dataclass(slots=True)
class _Asked:
    """The letters of a selection, the verdict of each, and which of them are dead."""

    found: Found
    verdicts: dict[int, WhatIf] = field(default_factory=dict)
    dead: list[int] = field(default_factory=list)


class WhatIfs:
    """Tries out what would become of letters. `most`: letters per what-if; `tried`: keeps those of whole groups."""

    def __init__(self, database: Database, tried: Tried, *, most: int) -> None:
        self._database = database
        self._tried = tried
        self._most = most

    async def ask(self, selection: Selection, limit: int, who: Actor | None) -> WhatIfResult:
        """Return the counts of all letters, and the verdicts of the first `limit`. With `who`, nothing is masked, and
        that is recorded in the audit. Raises SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        at = utc_now()
        asked = await self._database.at_length(_verdicts, selection, _STATES, most=self._most)
        if len(asked.found.per_group) == 1:
            await self._keep(next(iter(asked.found.per_group)), asked, at)
        return await self._shown(asked, limit, who)

    async def of_replayed(self, numbers: Sequence[int]) -> WhatIfResult:
        """Return the verdicts of letters that belong to a replay and are not sent yet. Raises DatabaseUnavailable."""
        selection = Selection(numbers=tuple(numbers))
        asked = await self._database.at_length(_verdicts, selection, (State.REPLAYING,), most=self._most)
        return await self._shown(asked, len(numbers), None)

    async def _keep(self, fingerprint: str, asked: _Asked, at: datetime) -> None:
        of_dead = Counter(asked.verdicts[number].verdict.value for number in asked.dead)
        await self._tried.keep(fingerprint, GroupWhatIf(at=precise(at), count=len(asked.dead), verdicts=of_dead))

    async def _shown(self, asked: _Asked, limit: int, who: Actor | None) -> WhatIfResult:
        verdicts = asked.verdicts
        shown = sorted(verdicts)[:limit]
        if who is not None:
            await self._database.change(audit.record_alone, who, AuditAction.REVEAL, numbers=shown)
        why = Counter(f"{each.verdict}: {each.why}" for each in verdicts.values() if each.why)
        return WhatIfResult(
            count=len(verdicts),
            verdicts=Counter(each.verdict.value for each in verdicts.values()),
            why=dict(why.most_common(_WHY_MAX)),
            others=asked.found.others,
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


def _verdicts(engine: Engine, selection: Selection, states: Collection[State], *, most: int) -> _Asked:
    found = change.look(engine, selection, states, most=most)
    asked = _Asked(found)
    for page in versions.pages_of(engine, found.numbers):
        current = versions.look(engine, page)
        asked.dead += [number for number, one in current.items() if one.state is State.DEAD]
        asked.verdicts |= what_if(engine, {number: one.fields for number, one in current.items()})
    return asked
