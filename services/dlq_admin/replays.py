"""`/dlq/replays`: dead letters sent again: created from a frozen selection, watched, steered."""

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import schemas
from holdfast.services.dlq_admin.ask import BODY_ERRORS, BulkAsked, Reason, actor, asked
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.replay.keep import Keeper
from holdfast.services.dlq_admin.replay.pace import step_of
from holdfast.shared.errors import (
    CountMismatch,
    DatabaseUnavailable,
    InvalidRequest,
    NothingToReplay,
    OutcomeUnknown,
    ReplayNotFound,
    ReplayNotNow,
    SecondPersonNeeded,
    SelectionTooLarge,
)
from holdfast.shared.http.document import a_list, answer, body, errors
from holdfast.shared.http.envelope import precise, success
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.replay import ItemState, Plan, ReplayState, StopRules
from holdfast.shared.letters.replays import create, read, steer
from holdfast.shared.letters.replays.create import state_for
from holdfast.shared.letters.replays.read import Item, Replay
from holdfast.shared.letters.selection import Selection
from holdfast.shared.letters.state import State
from holdfast.shared.letters.store import allowance, change
from holdfast.shared.letters.store.allowance import Rules
from holdfast.shared.letters.store.audit import Actor

_FRESH = {"Cache-Control": "no-store"}
_ID_MAX = 2**63 - 1

ReplayId = Annotated[int, Path(ge=1, le=_ID_MAX)]


class StopAsked(BaseModel):
    """When it stops by itself."""

    model_config = ConfigDict(extra="forbid")

    failing_share: float = Field(default=0.2, ge=0, le=1, description="Of the results: failed again as before")
    backlog_max: int = Field(default=20_000, ge=1, le=10**9, description="Other writes that wait")
    backlog_age_s: float = Field(default=30, gt=0, le=86_400, description="Age of the oldest write that waits")
    breaker: bool = Field(default=True, description="Whether an open breaker of a writer's database stops it")


class ReplayAsked(BulkAsked):
    """What, how fast, and how carefully."""

    rate_per_s: float = Field(default=500, gt=0, le=100_000)
    canary: list[Annotated[int, Field(ge=1, le=100_000)]] = Field(
        default=[1, 5, 25], max_length=20, description="So many first, each time waiting for all results"
    )
    in_flight_max: int = Field(default=2000, ge=1, le=100_000, description="Sent and not over, at most")
    stop: StopAsked = StopAsked()

    def plan(self) -> Plan:
        """As the store keeps it."""
        return Plan(self.rate_per_s, tuple(self.canary), self.in_flight_max, StopRules(**self.stop.model_dump()))


class WordAsked(BaseModel):
    """An operator's word to a replay."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    dry_run: bool = False


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
            "dry_run": True, "count": len(found.numbers), "groups": found.per_group, "others": found.others,
            "sample": [id_of(number) for number in found.sample], "plan": plan.told(),
            "state": state_for(found, alone.letters),
            "at_least_s": round(len(found.numbers) / plan.rate_per_s, 1),
        }  # fmt: skip

    async def create(self, selection: Selection, plan: Plan, who: Actor, expected: int) -> dict[str, Any]:
        """Raises CountMismatch, NothingToReplay, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        try:
            made = await self._database.change(
                create.create, selection, plan, who, expected=expected, most=self._most,
                rules=self._rules,
            )  # fmt: skip
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


def add_routes(app: FastAPI, replays: Replays) -> None:
    """Everything under `/dlq/replays`."""

    @app.post(
        "/dlq/replays", tags=["replays"], summary="Send dead letters again",
        responses=answer("The replay; on a dry run, what it would send.", schemas.REPLAY_MADE)
        | errors(*BODY_ERRORS, CountMismatch, NothingToReplay, SelectionTooLarge,
                 DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(
            ReplayAsked,
            {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "Fixed in build b", "expected_count": 120},
        ),
    )  # fmt: skip
    async def create_replay(request: Request) -> Response:
        wish = await asked(request, ReplayAsked)
        if wish.dry_run or wish.expected_count is None:
            return success(await replays.look(wish.selection.meant(), wish.plan(), request.scope["principal"].name))
        who = actor(request, wish.reason)
        return success(await replays.create(wish.selection.meant(), wish.plan(), who, wish.expected_count))

    @app.get(
        "/dlq/replays", tags=["replays"], summary="Replays, the newest first",
        responses=answer("A page; `meta.next_cursor` leads to the next.", a_list(schemas.REPLAY))
        | errors(InvalidRequest, DatabaseUnavailable),
    )  # fmt: skip
    async def read_replays(
        request: Request,
        state: Annotated[list[ReplayState] | None, Query(max_length=20)] = None,
        cursor: Annotated[int | None, Query(ge=1, le=_ID_MAX)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        page = await replays.page(state or [], cursor, limit)
        end = page[-1]["id"] if len(page) == limit else None
        return success(page, meta={"next_cursor": end, "request_id": request.scope["request_id"]}, headers=_FRESH)

    @app.get(
        "/dlq/replays/{replay_id}", tags=["replays"], summary="One replay: where it stands, and what came of it",
        responses=answer("The replay.", schemas.REPLAY) | errors(InvalidRequest, ReplayNotFound, DatabaseUnavailable),
    )  # fmt: skip
    async def read_replay(_: Request, replay_id: ReplayId) -> Response:
        return success(await replays.one(replay_id), headers=_FRESH)

    @app.get(
        "/dlq/replays/{replay_id}/items", tags=["replays"], summary="Its letters, by outcome",
        responses=answer(
            "A page in the order of sending; the `letter_id`s make the `ids` of a new selection.",
            a_list(schemas.REPLAY_ITEM),
        )
        | errors(InvalidRequest, ReplayNotFound, DatabaseUnavailable),
    )  # fmt: skip
    async def read_items(
        request: Request,
        replay_id: ReplayId,
        outcome: Annotated[list[ItemState] | None, Query(max_length=20)] = None,
        cursor: Annotated[int | None, Query(ge=0, le=10**9)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        page, end = await replays.items(replay_id, outcome or [], cursor, limit)
        return success(page, meta={"next_cursor": end, "request_id": request.scope["request_id"]}, headers=_FRESH)

    for word, summary in _WORDS.items():
        _add_word(app, replays, word, summary)


_WORDS = {
    "pause": "Send no more for now",
    "resume": "Go on, also after it stopped by itself",
    "cancel": "Send no more; what was not sent is dead as before",
    "recall": "The same, and take back from the stream what no writer was given yet",
    "approve": "A second person's word that a large replay may begin",
}


def _add_word(app: FastAPI, replays: Replays, word: str, summary: str) -> None:
    @app.post(
        f"/dlq/replays/{{replay_id}}/{word}", tags=["replays"], summary=summary, name=f"{word}_replay",
        responses=answer("The replay after it.", schemas.REPLAY)
        | errors(*BODY_ERRORS, ReplayNotFound, ReplayNotNow, SecondPersonNeeded,
                 DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(WordAsked, {"reason": "The fix is not out yet"}),
    )  # fmt: skip
    async def say(request: Request, replay_id: ReplayId) -> Response:
        wish = await asked(request, WordAsked)
        who = actor(request, wish.reason)
        return success(await replays.say(replay_id, word, who, dry_run=wish.dry_run))


def replay_told(one: Replay) -> dict[str, Any]:
    """As JSON has it."""
    counts = one.counts
    return {
        "id": one.id, "state": one.state, "state_reason": one.state_reason, "state_at": precise(one.state_at),
        "created_at": precise(one.created_at), "created_by": one.created_by, "reason": one.reason,
        "selection": one.selection, "letters": one.letters, "plan": one.plan.told(),
        "counts": {state.value: counts[state] for state in ItemState},
        "sent": counts.sent, "in_flight": counts.in_flight, "finished": counts.finished,
        "canary_step": step_of(one.plan.canary, counts.sent), "canary_steps": len(one.plan.canary),
        "approved_by": one.approved_by,
        "approved_at": precise(one.approved_at) if one.approved_at else None,
        "started_at": precise(one.started_at) if one.started_at else None,
        "ended_at": precise(one.ended_at) if one.ended_at else None,
        "driven_by": one.lease_owner,
    }  # fmt: skip


def item_told(one: Item) -> dict[str, Any]:
    """As JSON has it."""
    return {
        "position": one.position, "letter_id": id_of(one.letter), "outcome": one.state,
        "operation_id": one.operation_id, "entry_id": one.entry_id,
        "sent_at": precise(one.sent_at) if one.sent_at else None,
        "ended_at": precise(one.ended_at) if one.ended_at else None, "detail": one.outcome,
    }  # fmt: skip
