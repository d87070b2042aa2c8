"""`/dlq/groups`: letters that failed alike: how many, since when, for whom, on which build, and whether that build has
changed."""

from typing import Annotated

from fastapi import FastAPI, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.groups import Groups
from holdfast.services.dlq_admin.letters.models import GroupSummary
from holdfast.services.dlq_admin.rest.answers import answered, documented, page
from holdfast.services.dlq_admin.rest.inputs import FINGERPRINT, Cursor, NoteInput, actor_of, read_input
from holdfast.shared.errors import DatabaseUnavailable, GroupNotFound, InvalidCursor, InvalidRequest, OutcomeUnknown
from holdfast.shared.letters.state import State

_NOTED = "a note on a group"


def add_routes(app: FastAPI, known: Groups) -> None:
    """Add everything under `/dlq/groups`."""

    @app.get(
        "/dlq/groups",
        **documented(
            "groups",
            "List groups of letters that failed alike, the newest first",
            "A page; `meta.next_cursor` is the cursor of the next page.",
            list[GroupSummary],
            InvalidCursor,
            DatabaseUnavailable,
        ),
    )
    async def list_groups(
        request: Request,
        state: Annotated[
            list[State], Query(max_length=len(State), description="Groups with a letter in one of these states")
        ] = [  # noqa: B006 - FastAPI copies it
            State.DEAD,
            State.REPLAYING,
        ],
        every: Annotated[bool, Query(description="Also groups whose letters have all ended")] = False,
        cursor: Cursor | None = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Response:
        found, end = await known.page([] if every else state, cursor, limit)
        return page(request, found, end)

    @app.get(
        "/dlq/groups/{fingerprint}",
        **documented(
            "groups", "Read one group", "The group.", GroupSummary, InvalidRequest, GroupNotFound, DatabaseUnavailable
        ),
    )
    async def get_group(request: Request, fingerprint: Annotated[str, Path(pattern=FINGERPRINT)]) -> Response:
        return answered(request, await known.one(fingerprint))

    @app.put(
        "/dlq/groups/{fingerprint}/note",
        **documented(
            "groups",
            "Write a note on a group, which is kept when the letters are gone",
            "The group.",
            GroupSummary,
            GroupNotFound,
            DatabaseUnavailable,
            OutcomeUnknown,
            sent=(NoteInput, {"text": "Known since Monday; wait for build 0.1.1."}),
        ),
    )
    async def put_group_note(request: Request, fingerprint: Annotated[str, Path(pattern=FINGERPRINT)]) -> Response:
        word = await read_input(request, NoteInput)
        return answered(request, await known.note(fingerprint, word.text, actor_of(request, _NOTED)))
