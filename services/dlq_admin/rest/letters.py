"""`/dlq/letters`: dead letters, found by what they have in common, and each with all that is known of it."""

from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.models import LetterDetail, LettersOnStream, LetterSummary
from holdfast.services.dlq_admin.letters.search import Letters
from holdfast.services.dlq_admin.rest.answers import FRESH, answered, documented, page, plain
from holdfast.services.dlq_admin.rest.inputs import LETTER_ID, SHORT_MAX_CHARS, Cursor, FilterInput, LetterId, actor_of
from holdfast.shared.errors import DatabaseUnavailable, InvalidCursor, InvalidRequest, LetterNotFound, OutcomeUnknown
from holdfast.shared.http.envelope import Fallback, failure
from holdfast.shared.http.keys import OPERATE, require


class LettersInput(FilterInput):
    """A filter, and a page of the letters that match it."""

    cursor: Cursor | None = Field(default=None, description="`meta.next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=500)
    order: Literal["newest", "oldest"] = Field(default="newest", description="Which letters come first")


def add_routes(app: FastAPI, letters: Letters) -> None:
    """Add everything under `/dlq/letters`."""

    @app.get(
        "/dlq/letters",
        **documented(
            "letters",
            "Dead letters, the newest first or the oldest",
            "A page; `meta.next_cursor` leads to the next, even if a search for text found few letters in the part"
            " that it searched. While the database is down: the letters that wait on their stream.",
            list[LetterSummary],
            InvalidCursor,
            DatabaseUnavailable,
            fallback=LettersOnStream,
        ),
    )
    async def list_letters(request: Request, wanted: Annotated[LettersInput, Query()]) -> Response:
        try:
            found, end = await letters.page(
                wanted.to_filter(), wanted.cursor, wanted.limit, oldest_first=wanted.order == "oldest"
            )
        except DatabaseUnavailable as error:
            instead = await letters.from_stream(wanted.limit)
            if instead is None:
                raise
            return failure(error, request, FRESH, fallback=_from_stream(instead))
        return page(request, found, end)

    @app.get(
        "/dlq/letters/{letter_id}",
        **documented(
            "letters",
            "One complete dead letter",
            "The letter; what may be personal is masked unless revealed.",
            LetterDetail,
            InvalidRequest,
            LetterNotFound,
            DatabaseUnavailable,
            OutcomeUnknown,
        ),
    )
    async def get_letter(
        request: Request,
        letter_id: Annotated[LetterId, Path(pattern=LETTER_ID)],
        reveal: Annotated[
            str | None,
            Query(
                min_length=3, max_length=SHORT_MAX_CHARS, description="Why it is shown unmasked; recorded in the audit"
            ),
        ] = None,
    ) -> Response:
        who = None
        if reveal is not None:
            require(request, OPERATE)
            who = actor_of(request, reveal)
        return answered(request, await letters.one(letter_id, who=who))


def _from_stream(instead: LettersOnStream) -> Fallback:
    """Return the letters on the stream as a fallback. They are not old, but only those since the database went down."""
    named = plain(instead)
    meta = {"source": "dead_letter_stream", "stale": False, "age_s": 0.0, "next_cursor": None}
    return Fallback(named["letters"], meta, named)
