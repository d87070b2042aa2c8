"""Groups: letters that failed alike: how many, since when, for whom, on which build, and whether that build has
changed."""

import time
from collections.abc import Collection
from datetime import datetime

from holdfast.services.dlq_admin.cursors import LETTER, Cursors
from holdfast.services.dlq_admin.database import Database, after_change
from holdfast.services.dlq_admin.letters import views
from holdfast.services.dlq_admin.letters.models import GroupStanding, GroupSummary, GroupWhatIf, Trend
from holdfast.services.dlq_admin.letters.suggestion import Step, suggested
from holdfast.services.dlq_admin.letters.tried import Tried
from holdfast.services.dlq_admin.writers import Running
from holdfast.shared.errors import GroupNotFound, InvalidCursor
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import notes
from holdfast.shared.letters.edit import versions
from holdfast.shared.letters.find import groups
from holdfast.shared.letters.find.groups import Order
from holdfast.shared.letters.find.standing import Standing, standing
from holdfast.shared.letters.ids import id_of, number_of, number_or_none
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine
from holdfast.shared.writes.outcome import Reason

#: A position is the newest letter of a group, and the group's fingerprint.
_CURSORS = Cursors("groups", f"{LETTER}_[0-9a-f]{{16}}")


#: A trend covers a day by the hour; the last hour is the current one.
_STEP_S, _STEPS = 3600, 24


async def trends(database: Database, names: Collection[str] | None) -> dict[str, Trend]:
    """Return fingerprint -> trend, or the trend of all groups together under '' if `names` is None."""
    since = (int(time.time()) // _STEP_S + 1 - _STEPS) * _STEP_S
    found = await database.read(groups.trends, names, since_s=since, step_s=_STEP_S, steps=_STEPS)
    return {name: Trend(since=since, step_s=_STEP_S, letters=letters) for name, letters in found.items()}


class Groups:
    """Groups of dead letters, and operators' notes on them."""

    def __init__(self, database: Database, running: Running, tried: Tried) -> None:
        self._database = database
        self._running = running
        self._tried = tried

    async def page(
        self, states: list[State], cursor: str | None, limit: int, order: Order = Order.LAST
    ) -> tuple[list[GroupSummary], str | None]:
        """Return groups with a letter in one of `states`, by default the newest failure first, and the cursor of the
        next page. Raises InvalidCursor, DatabaseUnavailable."""
        found = await self._database.read(groups.page, states, after=_after(cursor), limit=limit + 1, order=order)
        shown = found[:limit]
        if len(found) <= limit:
            return await self._summaries(shown), None
        end = _CURSORS.behind(f"{id_of(order.of(shown[-1]))}_{shown[-1].fingerprint}")
        return await self._summaries(shown), end

    async def one(self, fingerprint: str) -> GroupSummary:
        """Return a group with its standing. Raises GroupNotFound, DatabaseUnavailable."""
        found = await self._database.read(groups.page, (), after=None, limit=1, fingerprint=fingerprint)
        if not found:
            raise GroupNotFound(details={"fingerprint": fingerprint})
        [one] = await self._summaries(found)
        return await self.with_standing(one)

    async def with_standing(self, one: GroupSummary) -> GroupSummary:
        """Return the group with the progress of its letters. Raises DatabaseUnavailable."""
        found = await self._database.read(standing, one.fingerprint)
        tried = await self._tried.of(one.fingerprint)
        known = GroupStanding.from_source(
            found,
            what_if=tried if tried and _holds(tried, one, found) else None,
            suggested=await self._suggested(one) if not found.edited else [],
        )
        return one.model_copy(update={"standing": known})

    async def _suggested(self, one: GroupSummary) -> list[Step]:
        if one.reason != Reason.UNDECODABLE or not one.counts[State.DEAD]:
            return []
        return await self._database.read(_suggested, number_of(one.last_id))

    async def note(self, fingerprint: str, text: str, who: Actor) -> GroupSummary:
        """Write a note and return the group. Raises GroupNotFound, DatabaseUnavailable, OutcomeUnknown."""
        if not await self._database.change(notes.write, fingerprint, text, who):
            raise GroupNotFound(details={"fingerprint": fingerprint})
        with after_change():
            return await self.one(fingerprint)

    async def _summaries(self, found: list[groups.Group]) -> list[GroupSummary]:
        running = await self._running.builds()
        trend = await trends(self._database, [one.fingerprint for one in found])
        return [views.group(one, running, trend[one.fingerprint]) for one in found]


def _suggested(engine: Engine, number: int) -> list[Step]:
    newest = versions.look(engine, [number]).get(number)
    return suggested(newest.fields) if newest and newest.state is State.DEAD else []


def _holds(tried: GroupWhatIf, group: GroupSummary, found: Standing) -> bool:
    """Return whether the what-if covers all letters that are dead now, and none has been edited or added since."""
    at = datetime.fromisoformat(tried.at)
    newest = max(datetime.fromisoformat(group.last_seen), found.edited_at or at)
    return tried.count >= group.counts[State.DEAD] and newest <= at


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    last, _, fingerprint = _CURSORS.position(cursor).partition("_")
    number = number_or_none(last)
    if number is None:
        raise InvalidCursor(cursor)
    return number, fingerprint
