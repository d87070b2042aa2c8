"""`/dlq/replays`: sends dead letters again: a replay is created from a frozen selection, monitored and controlled."""

from typing import Annotated

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.replays.models import ReplayItem, ReplayPreview, ReplaySummary
from holdfast.services.dlq_admin.replays.replays import Replays
from holdfast.services.dlq_admin.rest.answers import answered, documented, page
from holdfast.services.dlq_admin.rest.inputs import BulkInput, Cursor, Input, Reason, actor_of, read_input
from holdfast.shared.errors import (
    CountMismatch,
    DatabaseUnavailable,
    InvalidCursor,
    InvalidRequest,
    NothingToReplay,
    OutcomeUnknown,
    ReplayNotFound,
    ReplayNotNow,
    SecondPersonNeeded,
    SelectionTooLarge,
)
from holdfast.shared.letters.replays.plan import ItemState, Plan, ReplayState, StopRules

_ID_MAX = 2**63 - 1


ReplayId = Annotated[int, Path(ge=1, le=_ID_MAX)]


class StopInput(Input):
    """The conditions under which a replay stops by itself."""

    failing_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Stop if a larger share of the results than this failed in the same way again",
    )
    backlog_max: int = Field(
        default=20_000, ge=1, le=10**9, description="Stop if more other writes than this wait for a writer"
    )
    backlog_age_s: float = Field(
        default=30, gt=0, le=86_400, description="Stop if the oldest waiting write is older than this, in seconds"
    )
    breaker: bool = Field(default=True, description="Whether to stop if a writer's breaker of the database is open")


class ReplayInput(BulkInput):
    """A new replay: its letters, its pace and its stop rules."""

    rate_per_s: float = Field(default=500, gt=0, le=100_000)
    canary: list[Annotated[int, Field(ge=1, le=100_000)]] = Field(
        default=[1, 5, 25],
        max_length=20,
        description="Letters per canary step; after each step, the replay waits for all results",
    )
    in_flight_max: int = Field(
        default=2000, ge=1, le=100_000, description="Most letters in flight: sent, but not ended yet"
    )
    stop: StopInput = StopInput()

    def plan(self) -> Plan:
        """Return the plan for the store."""
        return Plan(self.rate_per_s, tuple(self.canary), self.in_flight_max, StopRules(**self.stop.model_dump()))


class OrderInput(Input):
    """An operator's order to a replay."""

    reason: Reason
    dry_run: bool = False


def add_routes(app: FastAPI, replays: Replays) -> None:
    """Add everything under `/dlq/replays`."""

    @app.post(
        "/dlq/replays",
        **documented(
            "replays",
            "Send dead letters again",
            "The replay or, on a dry run, what it would send.",
            ReplaySummary | ReplayPreview,
            CountMismatch,
            NothingToReplay,
            SelectionTooLarge,
            DatabaseUnavailable,
            OutcomeUnknown,
            sent=(
                ReplayInput,
                {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "Fixed in build b", "expected_count": 120},
            ),
        ),
    )
    async def create_replay(request: Request) -> Response:
        wish = await read_input(request, ReplayInput)
        if wish.dry_run or wish.expected_count is None:
            return answered(
                request,
                await replays.preview(wish.selection.to_selection(), wish.plan(), request.scope["principal"].name),
            )
        who = actor_of(request, wish.reason)
        return answered(
            request, await replays.create(wish.selection.to_selection(), wish.plan(), who, wish.expected_count)
        )

    @app.get(
        "/dlq/replays",
        **documented(
            "replays",
            "List replays, the newest first",
            "A page; `meta.next_cursor` is the cursor of the next page.",
            list[ReplaySummary],
            InvalidCursor,
            DatabaseUnavailable,
        ),
    )
    async def list_replays(
        request: Request,
        state: Annotated[list[ReplayState] | None, Query(max_length=20)] = None,
        cursor: Cursor | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        found, end = await replays.page(state or [], cursor, limit)
        return page(request, found, end)

    @app.get(
        "/dlq/replays/{replay_id}",
        **documented(
            "replays",
            "Read one replay: its state and its results",
            "The replay.",
            ReplaySummary,
            InvalidRequest,
            ReplayNotFound,
            DatabaseUnavailable,
        ),
    )
    async def get_replay(request: Request, replay_id: ReplayId) -> Response:
        return answered(request, await replays.one(replay_id))

    @app.get(
        "/dlq/replays/{replay_id}/items",
        **documented(
            "replays",
            "List the letters of a replay, by outcome",
            "A page in the order of sending. The `letter_id`s can be the `ids` of a new selection.",
            list[ReplayItem],
            InvalidCursor,
            ReplayNotFound,
            DatabaseUnavailable,
        ),
    )
    async def list_replay_items(
        request: Request,
        replay_id: ReplayId,
        outcome: Annotated[list[ItemState] | None, Query(max_length=20)] = None,
        cursor: Cursor | None = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        found, end = await replays.items(replay_id, outcome or [], cursor, limit)
        return page(request, found, end)

    for word, summary in _WORDS.items():
        _add_word(app, replays, word, summary)


_WORDS = {
    "pause": "Pause a replay: it sends no more for now",
    "resume": "Resume a replay, including one that stopped by itself",
    "cancel": "Cancel a replay: it sends no more, and letters that were not sent stay dead",
    "recall": "Cancel a replay, and take back from the stream the entries that no writer has received",
    "approve": "Approve a large replay, as a second person",
}


def _add_word(app: FastAPI, replays: Replays, word: str, summary: str) -> None:
    @app.post(
        f"/dlq/replays/{{replay_id}}/{word}",
        name=f"{word}_replay",
        **documented(
            "replays",
            summary,
            "The replay, after the order has been carried out.",
            ReplaySummary,
            ReplayNotFound,
            ReplayNotNow,
            SecondPersonNeeded,
            DatabaseUnavailable,
            OutcomeUnknown,
            sent=(OrderInput, {"reason": "The fix is not out yet"}),
        ),
    )
    async def say(request: Request, replay_id: ReplayId) -> Response:
        wish = await read_input(request, OrderInput)
        who = actor_of(request, wish.reason)
        return answered(request, await replays.order(replay_id, word, who, dry_run=wish.dry_run))
