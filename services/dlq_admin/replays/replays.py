"""`/dlq/replays`: dead letters sent again: created from a frozen selection, watched, steered."""

from typing import Any

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.replays.keeper import Keeper
from holdfast.services.dlq_admin.replays.pace import step_of
from holdfast.shared.errors import (
    CountMismatch,
    NothingToReplay,
    ReplayNotFound,
    ReplayNotNow,
    SecondPersonNeeded,
    SelectionTooLarge,
)
from holdfast.shared.http.envelope import precise
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import allowance, change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.replays import create, read, steer
from holdfast.shared.letters.replays.create import state_for
from holdfast.shared.letters.replays.plan import ItemState, Plan, ReplayState
from holdfast.shared.letters.replays.read import Item, Replay
from holdfast.shared.letters.state import State


class Replays:
    """The questions and changes that routes and pages ask for."""

    def __init__(self, database: Database, keeper: Keeper, *, most: int, rules: Rules) -> None:
        self._database = database
        self._keeper = keeper
        self._most = most
        self._rules = rules

    async def look(self, selection: Selection, plan: Plan, name: str) -> dict[str, Any]:
        """What would be sent, and how, if somebody of this name asked. Raises SelectionTooLarge,
        DatabaseUnavailable."""
        try:
            found = await self._database.read(change.look, selection, {State.DEAD}, most=self._most)
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        alone = await self._database.read(allowance.left, name, self._rules)
        return {
            "dry_run": True,
            "count": len(found.numbers),
            "groups": found.per_group,
            "others": found.others,
            "sample": [id_of(number) for number in found.sample],
            "plan": plan.told(),
            "state": state_for(found, alone.letters),
            "at_least_s": round(len(found.numbers) / plan.rate_per_s, 1),
        }

    async def create(self, selection: Selection, plan: Plan, who: Actor, expected: int) -> dict[str, Any]:
        """Raises CountMismatch, NothingToReplay, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        try:
            made = await self._database.change(
                create.create, selection, plan, who, expected=expected, most=self._most, rules=self._rules
            )
        except change.CountDiffers as differs:
            raise CountMismatch(details={"expected_count": expected, "actual_count": differs.actual}) from None
        except create.NothingToReplay:
            raise NothingToReplay() from None
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        self._keeper.hurry(made.replay_id or 0)
        return await self.one(made.replay_id or 0)

    async def one(self, replay_id: int) -> dict[str, Any]:
        """Raises ReplayNotFound, DatabaseUnavailable."""
        found = await self._database.read(read.replay, replay_id)
        if found is None:
            raise ReplayNotFound(details={"id": replay_id})
        return replay_told(found)

    async def page(self, states: list[ReplayState], below: int | None, limit: int) -> list[dict[str, Any]]:
        """The newest first. Raises DatabaseUnavailable."""
        return [replay_told(one) for one in await self._database.read(read.page, states, below=below, limit=limit)]

    async def items(
        self, replay_id: int, outcomes: list[ItemState], after: int | None, limit: int
    ) -> tuple[list[dict[str, Any]], int | None]:
        """In the order of sending, and where the next page begins. Raises ReplayNotFound, DatabaseUnavailable."""
        await self.one(replay_id)
        found = await self._database.read(read.item_page, replay_id, outcomes, after=after, limit=limit + 1)
        end = found[limit - 1].position if len(found) > limit else None
        return [item_told(one) for one in found[:limit]], end

    async def say(self, replay_id: int, word: str, who: Actor, *, dry_run: bool) -> dict[str, Any]:
        """`word`: of steer.WORDS. Raises ReplayNotFound, ReplayNotNow, SecondPersonNeeded, DatabaseUnavailable,
        OutcomeUnknown."""
        try:
            await self._database.change(steer.steer, replay_id, word, who, dry_run=dry_run)
        except steer.NoSuchReplay:
            raise ReplayNotFound(details={"id": replay_id}) from None
        except steer.NotNow as error:
            raise ReplayNotNow(details={"state": error.state}) from None
        except steer.SamePerson:
            raise SecondPersonNeeded() from None
        self._keeper.hurry(replay_id)
        return await self.one(replay_id) | {"dry_run": dry_run}


def replay_told(one: Replay) -> dict[str, Any]:
    """As JSON has it."""
    counts = one.counts
    return {
        "id": one.id,
        "state": one.state,
        "state_reason": one.state_reason,
        "state_at": precise(one.state_at),
        "created_at": precise(one.created_at),
        "created_by": one.created_by,
        "reason": one.reason,
        "selection": one.selection,
        "letters": one.letters,
        "plan": one.plan.told(),
        "counts": {state.value: counts[state] for state in ItemState},
        "sent": counts.sent,
        "in_flight": counts.in_flight,
        "finished": counts.finished,
        "canary_step": step_of(one.plan.canary, counts.sent),
        "canary_steps": len(one.plan.canary),
        "approved_by": one.approved_by,
        "approved_at": precise(one.approved_at) if one.approved_at else None,
        "started_at": precise(one.started_at) if one.started_at else None,
        "ended_at": precise(one.ended_at) if one.ended_at else None,
        "driven_by": one.lease_owner,
    }


def item_told(one: Item) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "position": one.position,
        "letter_id": id_of(one.letter),
        "outcome": one.state,
        "operation_id": one.operation_id,
        "entry_id": one.entry_id,
        "sent_at": precise(one.sent_at) if one.sent_at else None,
        "ended_at": precise(one.ended_at) if one.ended_at else None,
        "detail": one.outcome,
    }
