"""`/dlq/letters`: dead letters one by one: found by what they have in common, and each with all that is known of it."""

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic import Field
from redis.asyncio import Redis
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import on_stream, schemas, told
from holdfast.services.dlq_admin.ask import LETTER_ID, SHORT_MAX_CHARS, FilterAsked, LetterId, actor
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.fix import verdict
from holdfast.services.dlq_admin.running import Running
from holdfast.shared.errors import DatabaseUnavailable, InvalidRequest, LetterNotFound, OutcomeUnknown
from holdfast.shared.http.document import a_list, answer, errors
from holdfast.shared.http.envelope import failure, success
from holdfast.shared.http.keys import OPERATE, require
from holdfast.shared.letters.filter import Filter
from holdfast.shared.letters.ids import id_of, number_of
from holdfast.shared.letters.store import audit, one, search
from holdfast.shared.letters.store.audit import Actor, Deed

_FRESH = {"Cache-Control": "no-store"}


class LettersAsked(FilterAsked):
    """A page of a filter."""

    cursor: LetterId | None = Field(default=None, description="`meta.next_cursor` of the page before")
    limit: int = Field(default=50, ge=1, le=500)


class Letters:
    """The questions that routes and pages ask."""

    def __init__(self, database: Database, redis: Redis, running: Running) -> None:
        self._database = database
        self._redis = redis
        self._running = running

    async def page(self, wanted: Filter, cursor: str | None, limit: int) -> tuple[list[dict[str, Any]], str | None]:
        """Letters, the newest first, and where the next page begins. Raises DatabaseUnavailable."""
        below = number_of(cursor) if cursor else None
        found = await self._database.read(search.search, wanted, below=below, limit=limit)
        return [told.letter(row) for row in found.rows], None if found.next is None else id_of(found.next)

    async def from_stream(self, limit: int) -> dict[str, Any] | None:
        """Instead, while the database is away: what has died since. None: the queue is away too."""
        waiting = await on_stream.newest(self._redis, limit)
        if waiting is None:
            return None
        letters = [told.unindexed(letter) for letter in waiting.letters]
        return {"letters": letters, "waiting": waiting.total, "banner": on_stream.BANNER}

    async def one(self, letter_id: str, *, who: Actor | None) -> dict[str, Any]:
        """All that is known of it; `who`: sees it in clear, on record. Raises LetterNotFound, DatabaseUnavailable,
        OutcomeUnknown."""
        number = number_of(letter_id)
        running = await self._running.builds()
        try:
            found = await self._database.read(one.whole, number)
        except DatabaseUnavailable:
            found = None
            if who is not None or (waiting := await on_stream.one(self._redis, letter_id)) is None:
                raise
        else:
            waiting = None if found else await on_stream.one(self._redis, letter_id)
        if found is None and waiting is None:
            raise LetterNotFound(details={"id": letter_id})
        if who is not None:
            await self._database.change(audit.note_down, who, Deed.REVEAL, numbers=[number])
            found = found and await self._database.read(one.whole, number)  # with this look on its record
        if found is not None:
            return told.whole(found, running, revealed=who is not None)
        assert waiting is not None  # noqa: S101 - said above
        return {
            **told.unindexed(waiting),
            **told.body(waiting.original, waiting.attempts, revealed=who is not None),
            "user": None, "operation": None, "fix": verdict({waiting.build}, running),
        }  # fmt: skip


def add_routes(app: FastAPI, letters: Letters) -> None:
    """Everything under `/dlq/letters`."""

    @app.get(
        "/dlq/letters", tags=["letters"], summary="Dead letters, the newest first",
        responses=answer(
            "A page; `meta.next_cursor` leads to the next, also where a search for text has found too little in the"
            " stretch that it looked through. While the database is away: those that wait on their stream.",
            a_list(schemas.LETTER), schemas.FROM_STREAM,
        )
        | errors(InvalidRequest, DatabaseUnavailable),
    )  # fmt: skip
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
        "/dlq/letters/{letter_id}", tags=["letters"], summary="One dead letter, whole",
        responses=answer("The letter; what may be personal is masked unless revealed.", schemas.WHOLE)
        | errors(InvalidRequest, LetterNotFound, DatabaseUnavailable, OutcomeUnknown),
    )  # fmt: skip
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
