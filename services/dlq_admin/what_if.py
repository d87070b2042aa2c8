"""`/dlq/what-if`: what would become of a selection if it were sent again now. Nothing changes."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin import schemas
from holdfast.services.dlq_admin.ask import BODY_ERRORS, Reason, SelectionAsked, actor, asked
from holdfast.services.dlq_admin.database import Database
from holdfast.shared.errors import DatabaseUnavailable, OutcomeUnknown, SelectionTooLarge
from holdfast.shared.http.document import answer, body, errors
from holdfast.shared.http.envelope import success
from holdfast.shared.letters import mask
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.selection import Selection
from holdfast.shared.letters.state import State
from holdfast.shared.letters.store import audit, change, edits
from holdfast.shared.letters.store.audit import Actor, Deed
from holdfast.shared.letters.store.what_if import what_if
from holdfast.shared.letters.what_if import WhatIf
from holdfast.shared.store.engine import Engine

#: States in which a letter could be sent again, at once or after a restore.
_STATES = (State.DEAD, State.DISCARDED)
_PERSONAL = {"name", "email", "email_key"}


class WhatIfAsked(BaseModel):
    """`limit`: of the letters that are told one by one; the counts are of all."""

    model_config = ConfigDict(extra="forbid")

    selection: SelectionAsked
    limit: int = Field(default=100, ge=0, le=1000)
    reveal: Reason | None = Field(default=None, description="Why the rows have to be seen in clear: goes on record")


class WhatIfs:
    """The question that routes and pages ask."""

    def __init__(self, database: Database, *, most: int) -> None:
        self._database = database
        self._most = most

    async def told(self, selection: Selection, limit: int, who: Actor | None) -> dict[str, Any]:
        """Counts of all, and the first `limit` one by one; `who`: sees them in clear, on record. Raises
        SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown."""
        try:
            verdicts, others = await self._database.at_length(_verdicts, selection, most=self._most)
        except change.TooMany:
            raise SelectionTooLarge(details={"most": self._most}) from None
        shown = sorted(verdicts)[:limit]
        if who is not None:
            await self._database.change(audit.note_down, who, Deed.REVEAL, numbers=shown)
        return {
            "count": len(verdicts),
            "verdicts": Counter(each.verdict.value for each in verdicts.values()),
            "why": dict(
                Counter(f"{each.verdict}: {each.why}" for each in verdicts.values() if each.why).most_common(20)
            ),
            "others": others,
            "letters": [letter_told(number, verdicts[number], revealed=who is not None) for number in shown],
            "masked": who is None,
        }


def add_routes(app: FastAPI, what_ifs: WhatIfs) -> None:
    """The one route."""

    @app.post(
        "/dlq/what-if", tags=["decisions"], summary="What would become of dead letters if they were sent again now",
        description="The writer's own transaction for each letter, with its edit in force, rolled back.",
        responses=answer(
            "A verdict for each letter of the selection that is dead or discarded; `others`: letters in another state.",
            schemas.WHAT_IF,
        )
        | errors(*BODY_ERRORS, SelectionTooLarge, DatabaseUnavailable, OutcomeUnknown),
        openapi_extra=body(WhatIfAsked, {"selection": {"fingerprint": "0123456789abcdef"}, "limit": 10}),
    )  # fmt: skip
    async def ask_what_if(request: Request) -> Response:
        wish = await asked(request, WhatIfAsked)
        who = actor(request, wish.reveal) if wish.reveal is not None else None
        return success(await what_ifs.told(wish.selection.meant(), wish.limit, who))


def letter_told(number: int, one: WhatIf, *, revealed: bool) -> dict[str, Any]:
    """One verdict, with what of the user's row would be otherwise."""
    return {
        "id": id_of(number), "verdict": one.verdict, "why": one.why, "then": one.then,
        "detail": mask.value(one.detail, revealed=revealed),
        "user_exists": one.before is not None,
        "diff": {
            name: {"before": _shown(name, before, revealed), "after": _shown(name, after, revealed)}
            for name, (before, after) in one.diff.items()
        },
    }  # fmt: skip


def _shown(name: str, value: Any, revealed: bool) -> Any:
    return mask.value(value, revealed=revealed or name not in _PERSONAL)


def _verdicts(engine: Engine, selection: Selection, *, most: int) -> tuple[dict[int, WhatIf], Mapping[str, int]]:
    found = change.look(engine, selection, _STATES, most=most)
    verdicts: dict[int, WhatIf] = {}
    for page in edits.pages_of(engine, found.numbers):
        fields = {number: one.fields for number, one in edits.look(engine, page).items()}
        verdicts |= what_if(engine, fields)
    return verdicts, found.others
