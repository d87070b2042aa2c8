"""Replays: send dead letters again: a replay is created from a frozen selection, monitored and controlled."""

from collections.abc import Callable

from holdfast.services.dlq_admin.cursors import Cursors
from holdfast.services.dlq_admin.database import Database, after_change, certain_if
from holdfast.services.dlq_admin.replays.keeper import Keeper
from holdfast.services.dlq_admin.replays.models import ReplayItem, ReplayPreview, ReplaySummary
from holdfast.services.dlq_admin.replays.pace import results_per_s, step_of
from holdfast.shared.errors import ReplayNotFound
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import allowance, change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.replays import create, read, steer
from holdfast.shared.letters.replays.create import state_for
from holdfast.shared.letters.replays.plan import ACTIVE, ItemState, Plan, ReplayState
from holdfast.shared.letters.replays.read import Replay
from holdfast.shared.letters.state import State
from holdfast.shared.runtime.timestamps import utc_now

_CURSORS = Cursors("replays")


class Replays:
    """Creates, reads and controls replays. `away`: partitions of the queue that do not answer; `most`: letters per
    replay; `rules`: a person's allowance."""

    def __init__(
        self, database: Database, keeper: Keeper, away: Callable[[], list[int]], *, most: int, rules: Rules
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._away = away
        self._most = most
        self._rules = rules

    async def preview(self, selection: Selection, plan: Plan, name: str) -> ReplayPreview:
        """Return what would be sent, and how, if the person `name` asked. Raises SelectionTooLarge,
        DatabaseUnavailable."""
        found = await self._database.at_length(change.look, selection, {State.DEAD}, most=self._most)
        alone = await self._database.read(allowance.left, name, self._rules)
        return ReplayPreview.of(
            found,
            dry_run=True,
            plan=plan.to_json(),
            state=state_for(found, alone.letters),
            at_least_s=round(len(found.numbers) / plan.rate_per_s, 1),
        )

    async def create(self, selection: Selection, plan: Plan, who: Actor, expected: int) -> ReplaySummary:
        """Create a replay. Raises CountMismatch, NothingToReplay, SelectionTooLarge, DatabaseUnavailable,
        OutcomeUnknown."""
        made = await self._database.change(
            create.create, selection, plan, who, expected=expected, most=self._most, rules=self._rules
        )
        self._keeper.wake(made.replay_id)
        with after_change():
            return await self.one(made.replay_id)

    async def one(self, replay_id: int) -> ReplaySummary:
        """Return a replay. Raises ReplayNotFound, DatabaseUnavailable."""
        found = await self._database.read(read.replay, replay_id)
        if found is None:
            raise ReplayNotFound(details={"id": replay_id})
        return _summary(found, self._away())

    async def page(
        self, states: list[ReplayState], cursor: str | None, limit: int
    ) -> tuple[list[ReplaySummary], str | None]:
        """Return replays, newest first, and the cursor of the next page. Raises InvalidCursor, DatabaseUnavailable."""
        found = await self._database.read(read.page, states, below=_CURSORS.number(cursor), limit=limit + 1)
        end = _CURSORS.behind(found[limit - 1].id) if len(found) > limit else None
        return [_summary(one, self._away()) for one in found[:limit]], end

    async def items(
        self, replay_id: int, outcomes: list[ItemState], cursor: str | None, limit: int
    ) -> tuple[list[ReplayItem], str | None]:
        """Return items in the order of sending, and the cursor of the next page. Raises InvalidCursor, ReplayNotFound,
        DatabaseUnavailable."""
        cursors = Cursors(f"replay {replay_id}")
        after = cursors.number(cursor)
        await self.one(replay_id)
        found = await self._database.read(read.item_page, replay_id, outcomes, after=after, limit=limit + 1)
        end = cursors.behind(found[limit - 1].position) if len(found) > limit else None
        return [_item(one) for one in found[:limit]], end

    async def order(self, replay_id: int, order: str, who: Actor, *, dry_run: bool) -> ReplaySummary:
        """Give an order to a replay. `order`: one of steer.ORDERS. Raises ReplayNotFound, ReplayNotNow,
        SecondPersonNeeded, DatabaseUnavailable, OutcomeUnknown."""
        with certain_if(dry_run):
            await self._database.change(steer.steer, replay_id, order, who, dry_run=dry_run)
            self._keeper.wake(replay_id)
            with after_change():
                return (await self.one(replay_id)).model_copy(update={"dry_run": dry_run})


def _summary(one: Replay, away: list[int]) -> ReplaySummary:
    counts, rate = one.counts, results_per_s(one, utc_now())
    return ReplaySummary.from_source(
        one,
        plan=one.plan.to_json(),
        counts={state.value: counts[state] for state in ItemState},
        sent=counts.sent,
        in_flight=counts.in_flight,
        finished=counts.finished,
        canary_step=step_of(one.plan.canary, counts.sent),
        canary_steps=len(one.plan.canary),
        partitions_away=away if one.state in ACTIVE and counts.unfinished else [],
        driven_by=one.lease_owner,
        results_per_s=rate,
        done_in_s=None if rate is None else round(counts.unfinished / rate, 1),
    )


def _item(one: read.Item) -> ReplayItem:
    return ReplayItem.from_source(one, letter_id=id_of(one.letter), outcome=one.state, detail=one.outcome)
