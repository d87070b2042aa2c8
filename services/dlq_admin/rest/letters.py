"""`/dlq/letters`: dead letters, found by what they have in common, and each with all that is known of it."""

from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.models import LetterDetail, LettersOnStream, LetterSummary
from holdfast.services.dlq_admin.letters.search import Letters
from holdfast.services.dlq_admin.rest.answers import answered, documented, page, plain
from holdfast.services.dlq_admin.rest.inputs import LETTER_ID, SHORT_MAX_CHARS, Cursor, FilterInput, LetterId, actor_of
from holdfast.shared.errors import DatabaseUnavailable, InvalidCursor, InvalidRequest, LetterNotFound, OutcomeUnknown
from holdfast.shared.http.envelope import Fallback, failure
from holdfast.shared.http.keys import OPERATE, require


class LettersInput(FilterInput):
    """A filter, and a page of the letters that match it."""

    cursor: Cursor | None = Field(default=None, description="`meta.next_cursor` of the previous page")
    limit: int = Field(default=50, ge=1, le=500)
    order: Literal["newest", "oldest"] = Field(default="newest", description="Which letters come first")


def add_routes(app: FastAPI, letters: Letters) -> None:
    """Add everything under `/dlq/letters`."""

    @app.get(
        "/dlq/letters",
        **documented(
            "letters",
            "List dead letters, the newest or the oldest first",
            "A page; `meta.next_cursor` is the cursor of the next page. A search for text covers a part of"
            " the letters at a time, so a page may have few letters. While the database is down: the letters"
            " that wait on their stream.",
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
            return failure(error, request, fallback=_from_stream(instead))
        return page(request, found, end)

    @app.get(
        "/dlq/letters/{letter_id}",
        **documented(
            "letters",
            "Read one complete dead letter",
            "The letter. Data that may be personal are masked, unless `reveal` is given.",
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
                min_length=3,
                max_length=SHORT_MAX_CHARS,
                description="Reason to show the letter unmasked, which is recorded in the audit",
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
