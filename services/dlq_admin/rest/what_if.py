"""`/dlq/what-if`: what would become of a selection if it were sent again now. Nothing changes."""

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.results import WhatIfResult
from holdfast.services.dlq_admin.letters.what_if import WhatIfs
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import BODY_ERRORS, Reason, SelectionInput, actor_of, read_input
from holdfast.shared.errors import DatabaseUnavailable, OutcomeUnknown, SelectionTooLarge
from holdfast.shared.http.document import body, errors


class WhatIfInput(BaseModel):
    """`limit`: letters that are listed one by one; the counts are of all."""

    model_config = ConfigDict(extra="forbid")

    selection: SelectionInput
    limit: int = Field(default=100, ge=0, le=1000)
    reveal: Reason | None = Field(default=None, description="Why the rows have to be seen in clear: goes on record")


def add_routes(app: FastAPI, what_ifs: WhatIfs) -> None:
    """The one route."""

    @app.post(
        "/dlq/what-if",
        tags=["decisions"],
        summary="What would become of dead letters if they were sent again now",
        description="The writer's own transaction for each letter, with its edit in force, rolled back.",
        responses=documented(
            "A verdict for each letter of the selection that is dead or discarded; `others`: letters in another state.",
            WhatIfResult,
        )
        | errors(*BODY_ERRORS, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(WhatIfInput, {"selection": {"fingerprint": "0123456789abcdef"}, "limit": 10}),
    )
    async def ask_what_if(request: Request) -> Response:
        wish = await read_input(request, WhatIfInput)
        who = actor_of(request, wish.reveal) if wish.reveal is not None else None
        return answered(await what_ifs.ask(wish.selection.to_selection(), wish.limit, who))
