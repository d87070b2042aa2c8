"""`/dlq/allowances`: how many letters a person may still change alone, and a second person's word for more."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import schemas
from holdfast.services.dlq_admin.ask import BODY_ERRORS, Reason, actor, asked
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.errors import AllowanceUsedUp, DatabaseUnavailable, OutcomeUnknown, SecondPersonNeeded
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import precise, success
from holdfast.shared.http.keys import NAME, Principal
from holdfast.shared.letters.store import allowance
from holdfast.shared.letters.store.allowance import Left, Rules, UsedUp
from holdfast.shared.letters.store.audit import Actor


class AllowAsked(BaseModel):
    """`actor`: the name of the key that may change more."""

    model_config = ConfigDict(extra="forbid")

    actor: str = Field(pattern=NAME)
    letters: int = Field(ge=1, le=1_000_000)
    reason: Reason


class Allowances:
    """The question and the word that routes and pages ask."""

    def __init__(self, database: Database, rules: Rules) -> None:
        self._database = database
        self.rules = rules

    async def of(self, name: str) -> dict[str, Any]:
        """What is left to somebody. Raises DatabaseUnavailable."""
        return self._told(name, await self._database.read(allowance.left, name, self.rules))

    async def allow(self, to: str, letters: int, who: Actor) -> dict[str, Any]:
        """What is left to `to` then. Raises SecondPersonNeeded, DatabaseUnavailable, OutcomeUnknown."""
        try:
            await self._database.change(allowance.allow, to, letters, who)
        except allowance.SamePerson:
            raise SecondPersonNeeded() from None
        return await self.of(to)

    def _told(self, name: str, left: Left) -> dict[str, Any]:
        return {
            "actor": name, "letters": self.rules.letters, "window_s": self.rules.window_s, "left": left.letters,
            "more_at": precise(left.more_at) if left.more_at else None,
        }  # fmt: skip


def used_up(error: UsedUp) -> AllowanceUsedUp:
    """As a caller is told."""
    more_at = precise(error.left.more_at) if error.left.more_at else None
    details = {"needed": error.needed, "left": error.left.letters, "more_at": more_at}
    return AllowanceUsedUp(details=details)


def add_routes(app: FastAPI, allowances: Allowances) -> None:
    """Both."""

    @app.get(
        "/dlq/allowances", tags=["decisions"], summary="How many letters you may still change alone",
        responses=answer("Replays, discards and transforms together.", schemas.ALLOWANCE)
        | errors(DatabaseUnavailable),
    )  # fmt: skip
    async def read_allowance(request: Request) -> Response:
        principal: Principal = request.scope["principal"]
        return success(await allowances.of(principal.name), headers={"Cache-Control": "no-store"})

    @app.post(
        "/dlq/allowances", tags=["decisions"], summary="Let somebody else change more letters, for the window's length",
        responses=answer("What is left to that person.", schemas.ALLOWANCE)
        | errors(*BODY_ERRORS, SecondPersonNeeded, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(AllowAsked, {"actor": "ann", "letters": 1200, "reason": "Looked at the group together"}),
    )  # fmt: skip
    async def allow(request: Request) -> Response:
        wish = await asked(request, AllowAsked)
        return success(await allowances.allow(wish.actor, wish.letters, actor(request, wish.reason)))
