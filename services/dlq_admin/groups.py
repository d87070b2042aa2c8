"""`/dlq/groups`: what fails alike: how often, since when, for whom, on which build, and whether that has changed."""

from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import schemas, told
from holdfast.services.dlq_admin.ask import BODY_ERRORS, FINGERPRINT, LETTER_ID, NoteAsked, actor, asked
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.running import Running
from holdfast.services.dlq_admin.trend import trends
from holdfast.shared.errors import DatabaseUnavailable, GroupNotFound, InvalidRequest, OutcomeUnknown
from holdfast.shared.http.document import a_list, answer, body, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters.ids import id_of, number_of
from holdfast.shared.letters.state import State
from holdfast.shared.letters.store import groups, notes
from holdfast.shared.letters.store.audit import Actor

_NOTED = "a note on a group"


class Groups:
    """The questions that routes and pages ask."""

    def __init__(self, database: Database, running: Running) -> None:
        self._database = database
        self._running = running

    async def page(
        self, states: list[State], cursor: str | None, limit: int
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Groups with a letter in one of `states`, the newest failure first, and where the next page begins.
        Raises InvalidRequest, DatabaseUnavailable."""
        found = await self._database.read(groups.page, states, after=_after(cursor), limit=limit + 1)
        shown = found[:limit]
        end = f"{id_of(shown[-1].last)}_{shown[-1].fingerprint}" if len(found) > limit else None
        return await self._told(shown), end

    async def one(self, fingerprint: str) -> dict[str, Any]:
        """Raises GroupNotFound, DatabaseUnavailable."""
        found = await self._database.read(groups.page, (), after=None, limit=1, fingerprint=fingerprint)
        if not found:
            raise GroupNotFound(details={"fingerprint": fingerprint})
        [one] = await self._told(found)
        return one

    async def note(self, fingerprint: str, text: str, who: Actor) -> dict[str, Any]:
        """Write it; the group. Raises GroupNotFound, DatabaseUnavailable, OutcomeUnknown."""
        if not await self._database.change(notes.write, fingerprint, text, who):
            raise GroupNotFound(details={"fingerprint": fingerprint})
        return await self.one(fingerprint)

    async def _told(self, found: list[groups.Group]) -> list[dict[str, Any]]:
        running = await self._running.builds()
        trend = await trends(self._database, [one.fingerprint for one in found])
        return [told.group(one, running) | {"trend": trend[one.fingerprint]} for one in found]


def add_routes(app: FastAPI, known: Groups) -> None:
    """Everything under `/dlq/groups`."""

    @app.get(
        "/dlq/groups", tags=["groups"], summary="What fails alike, the newest first",
        responses=answer("A page; `meta.next_cursor` leads to the next.", a_list(schemas.GROUP))
        | errors(InvalidRequest, DatabaseUnavailable),
    )  # fmt: skip
    async def read_groups(
        request: Request,
        state: Annotated[list[State], Query(max_length=len(State), description="With a letter in one of them")] = [  # noqa: B006 - FastAPI copies it
            State.DEAD, State.REPLAYING,
        ],
        every: Annotated[bool, Query(description="Groups of nothing but letters that are over, too")] = False,
        cursor: Annotated[str | None, Query(max_length=60)] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:  # fmt: skip
        page, end = await known.page([] if every else state, cursor, limit)
        return success(page, meta={"next_cursor": end, "request_id": request.scope["request_id"]}, headers=_FRESH)

    @app.get(
        "/dlq/groups/{fingerprint}", tags=["groups"], summary="One group",
        responses=answer("The group.", schemas.GROUP) | errors(InvalidRequest, GroupNotFound, DatabaseUnavailable),
    )  # fmt: skip
    async def read_group(fingerprint: Annotated[str, Path(pattern=FINGERPRINT)]) -> Response:
        return success(await known.one(fingerprint), headers=_FRESH)

    @app.put(
        "/dlq/groups/{fingerprint}/note", tags=["groups"], summary="A word on a group; it outlives its letters",
        responses=answer("The group.", schemas.GROUP)
        | errors(*BODY_ERRORS, GroupNotFound, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(NoteAsked, {"text": "Known since Monday; wait for build 0.1.1."}),
    )  # fmt: skip
    async def write_note(request: Request, fingerprint: Annotated[str, Path(pattern=FINGERPRINT)]) -> Response:
        word = await asked(request, NoteAsked)
        return success(await known.note(fingerprint, word.text, actor(request, _NOTED)))


_FRESH = {"Cache-Control": "no-store"}


def _after(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    last, _, fingerprint = cursor.partition("_")
    try:
        return number_of(last), fingerprint.encode("ascii").decode()
    except ValueError:
        raise InvalidRequest(
            "The cursor is not one of ours.", code="INVALID_PARAMETER",
            details={"field": "cursor", "value": cursor, "constraint": f"{LETTER_ID[1:-1]}_fingerprint"},
        ) from None  # fmt: skip
