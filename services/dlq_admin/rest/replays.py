"""`/dlq/replays`: dead letters sent again: created from a frozen selection, watched, steered."""

from typing import Annotated

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.replays.replays import Replays
from holdfast.services.dlq_admin.rest import schemas
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, BulkAsked, Reason, actor, asked
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
from holdfast.shared.http.envelope import success
from holdfast.shared.letters.replays.plan import ItemState, Plan, ReplayState, StopRules

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


def add_routes(app: FastAPI, replays: Replays) -> None:
    """Everything under `/dlq/replays`."""

    @app.post(
        "/dlq/replays",
        tags=["replays"],
        summary="Send dead letters again",
        responses=answer("The replay; on a dry run, what it would send.", schemas.REPLAY_MADE)
        | errors(*BODY_ERRORS, CountMismatch, NothingToReplay, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(
            ReplayAsked,
            {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "Fixed in build b", "expected_count": 120},
        ),
    )
    async def create_replay(request: Request) -> Response:
        wish = await asked(request, ReplayAsked)
        if wish.dry_run or wish.expected_count is None:
            return success(await replays.look(wish.selection.meant(), wish.plan(), request.scope["principal"].name))
        who = actor(request, wish.reason)
        return success(await replays.create(wish.selection.meant(), wish.plan(), who, wish.expected_count))

    @app.get(
        "/dlq/replays",
        tags=["replays"],
        summary="Replays, the newest first",
        responses=answer("A page; `meta.next_cursor` leads to the next.", a_list(schemas.REPLAY))
        | errors(InvalidRequest, DatabaseUnavailable),
    )
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
        "/dlq/replays/{replay_id}",
        tags=["replays"],
        summary="One replay: where it stands, and what came of it",
        responses=answer("The replay.", schemas.REPLAY) | errors(InvalidRequest, ReplayNotFound, DatabaseUnavailable),
    )
    async def read_replay(_: Request, replay_id: ReplayId) -> Response:
        return success(await replays.one(replay_id), headers=_FRESH)

    @app.get(
        "/dlq/replays/{replay_id}/items",
        tags=["replays"],
        summary="Its letters, by outcome",
        responses=answer(
            "A page in the order of sending; the `letter_id`s make the `ids` of a new selection.",
            a_list(schemas.REPLAY_ITEM),
        )
        | errors(InvalidRequest, ReplayNotFound, DatabaseUnavailable),
    )
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
        f"/dlq/replays/{{replay_id}}/{word}",
        tags=["replays"],
        summary=summary,
        name=f"{word}_replay",
        responses=answer("The replay after it.", schemas.REPLAY)
        | errors(*BODY_ERRORS, ReplayNotFound, ReplayNotNow, SecondPersonNeeded, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(WordAsked, {"reason": "The fix is not out yet"}),
    )
    async def say(request: Request, replay_id: ReplayId) -> Response:
        wish = await asked(request, WordAsked)
        who = actor(request, wish.reason)
        return success(await replays.say(replay_id, word, who, dry_run=wish.dry_run))
