"""`/dlq/discards` and `/dlq/restores`: a decision on a selection, and its way back. Nothing is deleted."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.discards import Discards
from holdfast.services.dlq_admin.rest import schemas
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, BulkAsked, actor, asked
from holdfast.shared.errors import (
    AllowanceUsedUp,
    CountMismatch,
    DatabaseUnavailable,
    OutcomeUnknown,
    SelectionTooLarge,
)
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters.state import State


def add_routes(app: FastAPI, discards: Discards) -> None:
    """Both routes."""
    responses = answer(
        "What was changed, or on a dry run would be. `others`: letters of the selection in another state, untouched.",
        schemas.BULK,
    ) | errors(*BODY_ERRORS, AllowanceUsedUp, CountMismatch, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown)
    example = {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "Test data of Monday", "expected_count": 120}

    @app.post(
        "/dlq/discards",
        tags=["decisions"],
        summary="Discard dead letters; their writes will not happen",
        responses=responses,
        openapi_extra=body(BulkAsked, example),
    )
    async def discard(request: Request) -> Response:
        wish = await asked(request, BulkAsked)
        if wish.dry_run or wish.expected_count is None:
            return success(await discards.look(wish.selection.meant(), State.DEAD))
        who = actor(request, wish.reason)
        return success(await discards.discard(wish.selection.meant(), who, wish.expected_count))

    @app.post(
        "/dlq/restores",
        tags=["decisions"],
        summary="Take a discard back",
        responses=responses,
        openapi_extra=body(BulkAsked, example),
    )
    async def restore(request: Request) -> Response:
        wish = await asked(request, BulkAsked)
        if wish.dry_run or wish.expected_count is None:
            return success(await discards.look(wish.selection.meant(), State.DISCARDED))
        who = actor(request, wish.reason)
        return success(await discards.restore(wish.selection.meant(), who, wish.expected_count))
