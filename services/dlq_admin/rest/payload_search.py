"""`/dlq/search`: finds dead letters by the contents of their payloads."""

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.letters.payload_search import PayloadSearch, PayloadSearchResult
from holdfast.services.dlq_admin.rest.answers import answered, documented
from holdfast.services.dlq_admin.rest.inputs import Cursor, FilterInput, Input, Reason, actor_of, read_input
from holdfast.shared.errors import DatabaseUnavailable, InvalidCursor, OutcomeUnknown
from holdfast.shared.http.keys import OPERATE, require
from holdfast.shared.letters.find.contents import Contents


class PayloadSearchInput(Input):
    """A search of payloads. It is sent in a body, because addresses are written to logs."""

    text: str = Field(min_length=1, max_length=200, description="Part of a value to search for; case is ignored")
    field: str | None = Field(
        default=None, min_length=1, max_length=100, description="Search only fields of this name, at any depth"
    )
    filter: FilterInput = Field(
        default_factory=FilterInput, description="Search only the letters that match this filter"
    )
    reason: Reason | None = Field(
        default=None, description="Reason to search masked values, too; needs `operate`, and is recorded in the audit"
    )
    cursor: Cursor | None = Field(default=None, description="`next_cursor` of the previous answer")
    limit: int = Field(default=50, ge=1, le=500)

    def contents(self) -> Contents:
        """Return the searched contents for the store."""
        return Contents(self.text, self.field)


def add_routes(app: FastAPI, searches: PayloadSearch) -> None:
    """Add the route."""

    @app.post(
        "/dlq/search",
        **documented(
            "letters",
            "Search for dead letters whose payloads hold a text",
            "The newest first, in the original or in the edit in force. A bounded number of letters is searched at a"
            " time. Without a reason only fields that are shown to everybody are searched.",
            PayloadSearchResult,
            InvalidCursor,
            DatabaseUnavailable,
            OutcomeUnknown,
            sent=(PayloadSearchInput, {"text": "ada@", "field": "email", "reason": "The customer asks for her write"}),
        ),
    )
    async def search_payloads(request: Request) -> Response:
        wish = await read_input(request, PayloadSearchInput)
        if wish.reason is not None:
            require(request, OPERATE)
        who = actor_of(request, wish.reason) if wish.reason is not None else None
        found = await searches.find(wish.filter.to_filter(), wish.contents(), wish.cursor, wish.limit, who=who)
        return answered(request, found)
