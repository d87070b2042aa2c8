"""`/dlq/discards` and `/dlq/restores`: a decision on a selection, and its reversal. Nothing is deleted."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.discards import Discards
from holdfast.services.dlq_admin.letters.results import BulkResult
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, BulkInput, actor_of, read_input
from holdfast.shared.errors import (
    AllowanceUsedUp,
    CountMismatch,
    DatabaseUnavailable,
    OutcomeUnknown,
    SelectionTooLarge,
)
from holdfast.shared.http.document import body, errors
from holdfast.shared.letters.state import State


def add_routes(app: FastAPI, discards: Discards) -> None:
    """Both routes."""
    responses = documented(
        "What was changed, or on a dry run would be. `others`: letters of the selection in another state, untouched.",
        BulkResult,
    ) | errors(*BODY_ERRORS, AllowanceUsedUp, CountMismatch, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown)
    example = {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "Test data of Monday", "expected_count": 120}

    @app.post(
        "/dlq/discards",
        tags=["decisions"],
        summary="Discard dead letters; their writes will not happen",
        responses=responses,
        openapi_extra=body(BulkInput, example),
    )
    async def discard(request: Request) -> Response:
        wish = await read_input(request, BulkInput)
        if wish.dry_run or wish.expected_count is None:
            return answered(await discards.preview(wish.selection.to_selection(), State.DEAD))
        who = actor_of(request, wish.reason)
        return answered(await discards.discard(wish.selection.to_selection(), who, wish.expected_count))

    @app.post(
        "/dlq/restores",
        tags=["decisions"],
        summary="Take a discard back",
        responses=responses,
        openapi_extra=body(BulkInput, example),
    )
    async def restore(request: Request) -> Response:
        wish = await read_input(request, BulkInput)
        if wish.dry_run or wish.expected_count is None:
            return answered(await discards.preview(wish.selection.to_selection(), State.DISCARDED))
        who = actor_of(request, wish.reason)
        return answered(await discards.restore(wish.selection.to_selection(), who, wish.expected_count))
