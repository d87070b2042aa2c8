"""Decisions: what operators decide about a selection: what would become of it (`/dlq/what-if`), discard it and undo
that (`/dlq/discards`, `/dlq/restores`; nothing is deleted), and how many letters a person may change alone
(`/dlq/allowances`)."""

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.decisions import Allowances, Discards
from holdfast.services.dlq_admin.letters.results import Allowance, BulkResult, WhatIfResult
from holdfast.services.dlq_admin.letters.what_if import WhatIfs
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import BulkInput, Input, Reason, SelectionInput, actor_of, read_input
from holdfast.shared.errors import (
    AllowanceUsedUp,
    CountMismatch,
    DatabaseUnavailable,
    OutcomeUnknown,
    SecondPersonNeeded,
    SelectionTooLarge,
)
from holdfast.shared.http.keys import NAME, Principal
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.state import State

_EXAMPLE = {"selection": {"fingerprint": "0123456789abcdef"}, "reason": "Test data of Monday", "expected_count": 120}


class WhatIfInput(Input):
    """A what-if of a selection. `limit`: number of letters whose verdicts are listed; the counts cover all letters."""

    selection: SelectionInput
    limit: int = Field(default=100, ge=0, le=1000)
    reveal: Reason | None = Field(
        default=None, description="Reason to show rows unmasked, which is recorded in the audit"
    )


class AllowInput(Input):
    """A permission to change more letters. `actor`: the name of the key that receives it."""

    actor: str = Field(pattern=NAME)
    letters: int = Field(ge=1, le=1_000_000)
    reason: Reason


def add_routes(app: FastAPI, discards: Discards, what_ifs: WhatIfs, allowances: Allowances) -> None:
    """Add all routes for decisions."""
    _add_change(
        app, "discard", "Discard dead letters; their writes will not be applied", State.DEAD, discards, discards.discard
    )
    _add_change(app, "restore", "Undo a discard", State.DISCARDED, discards, discards.restore)

    @app.post(
        "/dlq/what-if",
        description="Runs the writer's own transaction for each letter, with its edit in force, and rolls it back.",
        **documented(
            "decisions",
            "Show what would become of dead letters if they were sent again now",
            "A verdict for each letter of the selection that is dead or discarded; `others`: letters in another state.",
            WhatIfResult,
            SelectionTooLarge,
            DatabaseUnavailable,
            OutcomeUnknown,
            sent=(WhatIfInput, {"selection": {"fingerprint": "0123456789abcdef"}, "limit": 10}),
        ),
    )
    async def ask_what_if(request: Request) -> Response:
        wish = await read_input(request, WhatIfInput)
        who = actor_of(request, wish.reveal) if wish.reveal is not None else None
        return answered(request, await what_ifs.ask(wish.selection.to_selection(), wish.limit, who))

    @app.get(
        "/dlq/allowances",
        **documented(
            "decisions",
            "Show how many letters you may still change alone",
            "The number of letters, for replays, discards and transforms together.",
            Allowance,
            DatabaseUnavailable,
        ),
    )
    async def get_allowance(request: Request) -> Response:
        principal: Principal = request.scope["principal"]
        return answered(request, await allowances.of(principal.name))

    @app.post(
        "/dlq/allowances",
        **documented(
            "decisions",
            "Allow another operator to change more letters, until the window ends",
            "How many letters that person may still change alone.",
            Allowance,
            SecondPersonNeeded,
            DatabaseUnavailable,
            OutcomeUnknown,
            sent=(AllowInput, {"actor": "ann", "letters": 1200, "reason": "Looked at the group together"}),
        ),
    )
    async def create_allowance(request: Request) -> Response:
        wish = await read_input(request, AllowInput)
        return answered(request, await allowances.allow(wish.actor, wish.letters, actor_of(request, wish.reason)))


def _add_change(
    app: FastAPI,
    name: str,
    summary: str,
    state: State,
    discards: Discards,
    decide: Callable[[Selection, Actor, int], Awaitable[BulkResult]],
) -> None:
    @app.post(
        f"/dlq/{name}s",
        name=f"{name}_letters",
        **documented(
            "decisions",
            summary,
            "What was changed or, on a dry run, would be. `others`: letters of the selection in another"
            " state, which stay unchanged.",
            BulkResult,
            AllowanceUsedUp,
            CountMismatch,
            SelectionTooLarge,
            DatabaseUnavailable,
            OutcomeUnknown,
            sent=(BulkInput, _EXAMPLE),
        ),
    )
    async def change(request: Request) -> Response:
        wish = await read_input(request, BulkInput)
        selection = wish.selection.to_selection()
        if wish.dry_run or wish.expected_count is None:
            return answered(request, await discards.preview(selection, state))
        return answered(request, await decide(selection, actor_of(request, wish.reason), wish.expected_count))
