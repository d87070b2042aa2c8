"""`/dlq/discards` and `/dlq/restores`: a decision on a selection, and its way back. Nothing is deleted."""

from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import schemas
from holdfast.services.dlq_admin.allowances import used_up
from holdfast.services.dlq_admin.ask import BODY_ERRORS, BulkAsked, actor, asked
from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.dues import Dues
from holdfast.shared.errors import (
    AllowanceUsedUp,
    CountMismatch,
    DatabaseUnavailable,
    OutcomeUnknown,
    SelectionTooLarge,
)
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.selection import Selection
from holdfast.shared.letters.state import State
from holdfast.shared.letters.store import change
from holdfast.shared.letters.store.allowance import Rules, UsedUp
from holdfast.shared.letters.store.audit import Actor
from holdfast.shared.letters.store.change import Found


class Discards:
    """The changes that routes and pages ask for."""

    def __init__(self, database: Database, dues: Dues, *, most: int, rules: Rules) -> None:
        self._database = database
        self._dues = dues
        self._most = most
        self._rules = rules

    async def look(self, selection: Selection, state: State) -> dict[str, Any]:
        """What a change of letters in `state` would change. Raises SelectionTooLarge, DatabaseUnavailable."""
        try:
            found = await self._database.at_length(change.look, selection, {state}, most=self._most)
        except change.TooMany:
            raise self._too_many() from None
        return _told(found) | {"dry_run": True}

    async def discard(self, selection: Selection, who: Actor, expected: int) -> dict[str, Any]:
        """Raises CountMismatch, SelectionTooLarge, AllowanceUsedUp, DatabaseUnavailable, OutcomeUnknown."""
        return await self._do(partial(change.discard, rules=self._rules), selection, who, expected)

    async def restore(self, selection: Selection, who: Actor, expected: int) -> dict[str, Any]:
        """Raises like `discard`; it takes a decision back, and so needs no allowance."""
        return await self._do(change.restore, selection, who, expected)

    async def _do(
        self, what: Callable[..., tuple[Found, int]], selection: Selection, who: Actor, expected: int
    ) -> dict[str, Any]:
        try:
            found, audit_id = await self._database.change(what, selection, who, expected=expected, most=self._most)
        except change.CountDiffers as differs:
            raise CountMismatch(details={"expected_count": expected, "actual_count": differs.actual}) from None
        except UsedUp as error:
            raise used_up(error) from None
        except change.TooMany:
            raise self._too_many() from None
        self._dues.hurry()
        return _told(found) | {"dry_run": False, "audit_id": audit_id}

    def _too_many(self) -> SelectionTooLarge:
        return SelectionTooLarge(details={"most": self._most})


def add_routes(app: FastAPI, discards: Discards) -> None:
    """Both routes."""
    responses = answer(
        "What was changed, or on a dry run would be. `others`: letters of the selection in another state, untouched.",
        schemas.BULK,
    ) | errors(*BODY_ERRORS, AllowanceUsedUp, CountMismatch, SelectionTooLarge, DatabaseUnavailable,
               OutcomeUnknown)  # fmt: skip
    example = {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "Test data of Monday", "expected_count": 120}

    @app.post(
        "/dlq/discards", tags=["decisions"], summary="Discard dead letters; their writes will not happen",
        responses=responses, openapi_extra=body(BulkAsked, example),
    )  # fmt: skip
    async def discard(request: Request) -> Response:
        wish = await asked(request, BulkAsked)
        if wish.dry_run or wish.expected_count is None:
            return success(await discards.look(wish.selection.meant(), State.DEAD))
        who = actor(request, wish.reason)
        return success(await discards.discard(wish.selection.meant(), who, wish.expected_count))

    @app.post(
        "/dlq/restores", tags=["decisions"], summary="Take a discard back",
        responses=responses, openapi_extra=body(BulkAsked, example),
    )  # fmt: skip
    async def restore(request: Request) -> Response:
        wish = await asked(request, BulkAsked)
        if wish.dry_run or wish.expected_count is None:
            return success(await discards.look(wish.selection.meant(), State.DISCARDED))
        who = actor(request, wish.reason)
        return success(await discards.restore(wish.selection.meant(), who, wish.expected_count))


def _told(found: Found) -> dict[str, Any]:
    sample = [id_of(number) for number in found.sample]
    return {"count": len(found.numbers), "groups": found.per_group, "others": found.others, "sample": sample}
