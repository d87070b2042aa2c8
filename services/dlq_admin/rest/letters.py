"""`/dlq/letters`: dead letters one by one: found by what they have in common, and each with all that is known of it."""

from typing import Annotated

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.search import Letters
from holdfast.services.dlq_admin.rest import schemas
from holdfast.services.dlq_admin.rest.inputs import LETTER_ID, SHORT_MAX_CHARS, FilterAsked, LetterId, actor
from holdfast.shared.errors import DatabaseUnavailable, InvalidRequest, LetterNotFound, OutcomeUnknown
from holdfast.shared.http.document import a_list, answer, errors
from holdfast.shared.http.envelope import failure, success
from holdfast.shared.http.keys import OPERATE, require

_FRESH = {"Cache-Control": "no-store"}


class LettersAsked(FilterAsked):
    """A page of a filter."""

    cursor: LetterId | None = Field(default=None, description="`meta.next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=500)


def add_routes(app: FastAPI, letters: Letters) -> None:
    """Everything under `/dlq/letters`."""

    @app.get(
        "/dlq/letters",
        tags=["letters"],
        summary="Dead letters, the newest first",
        responses=answer(
            "A page; `meta.next_cursor` leads to the next, also where a search for text has found too little in the"
            " stretch that it looked through. While the database is away: those that wait on their stream.",
            a_list(schemas.LETTER),
            schemas.FROM_STREAM,
        )
        | errors(InvalidRequest, DatabaseUnavailable),
    )
    async def read_letters(request: Request, wanted: Annotated[LettersAsked, Query()]) -> Response:
        try:
            page, end = await letters.page(wanted.meant(), wanted.cursor, wanted.limit)
        except DatabaseUnavailable as error:
            instead = await letters.from_stream(wanted.limit)
            if instead is None:
                raise
            return failure(error, request, _FRESH, fallback=instead)
        return success(page, meta={"next_cursor": end, "request_id": request.scope["request_id"]}, headers=_FRESH)

    @app.get(
        "/dlq/letters/{letter_id}",
        tags=["letters"],
        summary="One dead letter, whole",
        responses=answer("The letter; what may be personal is masked unless revealed.", schemas.WHOLE)
        | errors(InvalidRequest, LetterNotFound, DatabaseUnavailable, OutcomeUnknown),
    )
    async def read_letter(
        request: Request,
        letter_id: Annotated[LetterId, Path(pattern=LETTER_ID)],
        reveal: Annotated[
            str | None,
            Query(min_length=3, max_length=SHORT_MAX_CHARS, description="Why it is to be seen in clear; on record"),
        ] = None,
    ) -> Response:
        who = None
        if reveal is not None:
            require(request, OPERATE)
            who = actor(request, reveal)
        return success(await letters.one(letter_id, who=who), headers=_FRESH)
