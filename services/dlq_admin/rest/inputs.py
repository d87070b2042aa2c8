"""Inputs: what callers may send (filters, selections, reasons), and its meaning for the store."""

from datetime import UTC, datetime
from typing import Annotated, Self, TypeVar

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from holdfast.shared.domain.reason import legible
from holdfast.shared.domain.resource import NAME_MAX_CHARS
from holdfast.shared.errors import (
    AppError,
    BodyTooLarge,
    DocumentTooLarge,
    InvalidBody,
    InvalidCursor,
    InvalidRequest,
    MalformedJson,
)
from holdfast.shared.http.body import read_body
from holdfast.shared.http.keys import Principal
from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.ids import NUMBER_MAX, first_number, number_of
from holdfast.shared.letters.replays.plan import ItemState
from holdfast.shared.letters.state import State
from holdfast.shared.runtime.documents import not_json, parse_sent
from holdfast.shared.runtime.problems import constraint_of
from holdfast.shared.writes.commands import LABEL_MAX_CHARS

IDS_MAX = 10_000
_BODY_MAX_BYTES = 1 << 20
SHORT_MAX_CHARS = 300

LETTER_ID = r"^[0-9]{1,13}-[0-9]{1,6}$"
FINGERPRINT = r"^[0-9a-f]{16}$"
_ID = r"^[!-~]{1,36}$"
_RESOURCE = rf"^[a-z][a-z0-9_]{{0,{NAME_MAX_CHARS - 1}}}$"


def _sane_id(value: str) -> str:
    number_of(value)
    return value


def _written_out(value: object) -> object:
    """Return a date and time, and refuse numbers, which pydantic would take for seconds or milliseconds depending on
    their size. Raises ValueError."""
    if not isinstance(value, datetime) and not (isinstance(value, str) and "T" in value):
        raise ValueError("must be a date and time, 2026-01-15T10:30:00Z")
    return value


Moment = Annotated[datetime, BeforeValidator(_written_out)]
LetterId = Annotated[str, Field(pattern=LETTER_ID), AfterValidator(_sane_id)]
_WHY = "The reason, which is recorded in the audit"
Reason = Annotated[str, Field(min_length=3, max_length=1000, description=_WHY), AfterValidator(legible)]

#: A reason in the query, where each character may take twelve bytes of the 8 KiB that the request line may have.
ShortReason = Annotated[str, Field(min_length=3, max_length=SHORT_MAX_CHARS, description=_WHY), AfterValidator(legible)]


#: A cursor, opaque here: each list checks its own cursors.
Cursor = Annotated[str, Field(min_length=1, max_length=100)]


class Input(BaseModel):
    """Base class of every body. An unknown field is refused."""

    model_config = ConfigDict(extra="forbid")


class FilterInput(Input):
    """Every given condition must hold."""

    model_config = ConfigDict(populate_by_name=True)

    state: State | None = None
    fingerprint: str | None = Field(default=None, pattern=FINGERPRINT)
    reason: str | None = Field(default=None, min_length=1, max_length=32)
    code: str | None = Field(default=None, max_length=100)
    command: str | None = Field(default=None, max_length=LABEL_MAX_CHARS)
    build: str | None = Field(
        default=None, max_length=100, description="The build of the writer on which the letter failed"
    )
    resource: str | None = Field(default=None, pattern=_RESOURCE, description="Plural name of the resource: `users`")
    entity_id: str | None = Field(default=None, pattern=_ID)
    operation_id: str | None = Field(default=None, pattern=_ID)
    text: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Text in the fields that lists show; payloads are not searched",
    )
    since: Moment | None = Field(
        default=None, alias="from", description="Dead-lettered at this time or later; UTC unless it has an offset"
    )
    until: Moment | None = Field(
        default=None, alias="to", description="Dead-lettered before this time; UTC unless it has an offset"
    )

    def to_filter(self) -> Filter:
        """Return the filter for the store."""
        last = _number(self.until)
        return Filter(
            self.state,
            self.fingerprint,
            self.reason,
            self.code,
            self.command,
            self.build,
            self.resource,
            self.entity_id,
            self.operation_id,
            self.text,
            _number(self.since),
            None if last is None else last - 1,
        )


class OutcomesInput(Input):
    """Letters with these outcomes of a replay. For letters that died again, the new letters are selected."""

    id: int = Field(ge=1, le=NUMBER_MAX)
    outcomes: list[ItemState] = Field(min_length=1, max_length=len(ItemState))


class SelectionInput(Input):
    """A selection by exactly one of: ids, a group, a filter, the outcomes of a replay, or an audit entry."""

    ids: list[LetterId] | None = Field(default=None, min_length=1, max_length=IDS_MAX)
    fingerprint: str | None = Field(default=None, pattern=FINGERPRINT)
    filter: FilterInput | None = None
    replay: OutcomesInput | None = None
    audit: int | None = Field(
        default=None, ge=1, le=NUMBER_MAX, description="Number of an audit entry: the letters that it concerns"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(each is not None for each in (self.ids, self.fingerprint, self.filter, self.replay, self.audit)) != 1:
            raise ValueError("must have exactly one of ids, fingerprint, filter, replay, audit")
        return self

    def to_selection(self) -> Selection:
        """Return the selection for the store."""
        if self.ids is not None:
            return Selection(numbers=tuple(dict.fromkeys(number_of(each) for each in self.ids)))
        if self.replay is not None:
            return Selection(replay=(self.replay.id, tuple(self.replay.outcomes)))
        if self.audit is not None:
            return Selection(audit=self.audit)
        return Selection(matching=self.filter.to_filter() if self.filter else Filter(fingerprint=self.fingerprint))


class BulkInput(Input):
    """A change of a selection. Without `dry_run`, the expected count is required."""

    selection: SelectionInput
    reason: Reason
    expected_count: int | None = Field(default=None, ge=0, le=10**9)
    dry_run: bool = False

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if not self.dry_run and self.expected_count is None:
            raise ValueError("must have expected_count; a dry run returns it")
        return self


class NoteInput(Input):
    """A note on a group. An empty text removes the note."""

    text: str = Field(max_length=10_000)


M = TypeVar("M", bound=BaseModel)

#: The errors that `read_input` raises.
BODY_ERRORS: tuple[type[AppError], ...] = (InvalidRequest, MalformedJson, BodyTooLarge, DocumentTooLarge)


async def read_input(request: Request, model: type[M]) -> M:
    """Read and validate a request's body. Raises BODY_ERRORS."""
    raw = await read_body(request, _BODY_MAX_BYTES)
    try:
        # Serialized again, it holds nothing that our own JSON cannot represent, such as an integer of a thousand
        # digits.
        return model.model_validate_json(orjson.dumps(parse_sent(raw)))
    except orjson.JSONDecodeError as error:
        raise not_json(error) from None
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
    invalid = [
        {"field": ".".join(map(str, each["loc"])) or None, "value": None, "constraint": constraint_of(each)}
        for each in problems[:20]
    ]
    if all(each["field"] == "cursor" for each in invalid):
        raise InvalidCursor()
    details = invalid[0] | ({"errors": invalid} if len(invalid) > 1 else {})
    raise InvalidBody(details=details)


def actor_of(request: Request, reason: str) -> Actor:
    """Return who makes the request, by the name of the identified key."""
    principal: Principal = request.scope["principal"]
    return Actor(principal.name, principal.role, reason, request.scope["request_id"])


def _number(moment: datetime | None) -> int | None:
    """Return the number of the first letter that could have arrived at a moment."""
    if moment is None:
        return None
    try:
        number = first_number(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (OverflowError, ValueError):
        number = 0
    return min(max(number, 0), NUMBER_MAX)
