"""`/dlq/allowances`: how many letters a person may still change alone, and a second person's consent to more."""

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.allowances import Allowances
from holdfast.services.dlq_admin.letters.results import Allowance
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, Reason, actor_of, read_input
from holdfast.shared.errors import DatabaseUnavailable, OutcomeUnknown, SecondPersonNeeded
from holdfast.shared.http.document import body, errors
from holdfast.shared.http.keys import NAME, Principal


class AllowInput(BaseModel):
    """`actor`: the name of the key that may change more."""

    model_config = ConfigDict(extra="forbid")

    actor: str = Field(pattern=NAME)
    letters: int = Field(ge=1, le=1_000_000)
    reason: Reason


def add_routes(app: FastAPI, allowances: Allowances) -> None:
    """Both."""

    @app.get(
        "/dlq/allowances",
        tags=["decisions"],
        summary="How many letters you may still change alone",
        responses=documented("Replays, discards and transforms together.", Allowance) | errors(DatabaseUnavailable),
    )
    async def read_allowance(request: Request) -> Response:
        principal: Principal = request.scope["principal"]
        return answered(await allowances.of(principal.name))

    @app.post(
        "/dlq/allowances",
        tags=["decisions"],
        summary="Allow another operator to change more letters, for the length of the window",
        responses=documented("What is left to that person.", Allowance)
        | errors(*BODY_ERRORS, SecondPersonNeeded, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(AllowInput, {"actor": "ann", "letters": 1200, "reason": "Looked at the group together"}),
    )
    async def allow(request: Request) -> Response:
        wish = await read_input(request, AllowInput)
        return answered(await allowances.allow(wish.actor, wish.letters, actor_of(request, wish.reason)))
