"""Forms: what a page submits, including the selection of letters, translated into REST's inputs."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from holdfast.services.dlq_admin.console.render.selected import selected
from holdfast.services.dlq_admin.console.render.visible import written_out
from holdfast.services.dlq_admin.rest.inputs import SelectionInput
from holdfast.shared.errors import (
    AllowanceUsedUp,
    AppError,
    CountMismatch,
    EditInvalid,
    EditOutdated,
    InvalidRequest,
    LetterBusy,
    MalformedJson,
    NothingToReplay,
    NothingToUndo,
    OverBudget,
    ReplayNotNow,
    SecondPersonNeeded,
)
from holdfast.shared.http.body import read_body
from holdfast.shared.runtime.documents import parse, parse_sent
from holdfast.shared.runtime.problems import constraint_of

#: A payload may be large, and form encoding can triple its size.
_MAX_BYTES = 4 * 2**20
_FIELDS_MAX = 12_000
#: Prefix of the names of fields that the login page carries.
_KEPT = "kept."


class Form:
    """Fields and their values. A missing field has the value ''."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0].strip() if self.all(name) else ""

    def all(self, name: str) -> list[str]:
        """Return every value of a name."""
        return list(self._values.get(name, ()))

    def typed(self) -> list[tuple[str, str]]:
        """Return all fields except the session's token, or an empty list if nothing was typed."""
        fields = [(name, value) for name in self._values if name != "csrf" for value in self.all(name)]
        return fields if any(value for _, value in fields) else []

    def kept(self) -> list[tuple[str, str]]:
        """Return the fields that the login page carries from a form that was submitted after its session had ended."""
        return [(name.removeprefix(_KEPT), value) for name, value in self.typed() if name.startswith(_KEPT)]

    def number(self, name: str) -> int | None:
        """Return a count as a person types it, `1,234` or `1 234`. Return None if the field is not a count."""
        text = self[name].replace(",", "").replace(" ", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None

    def selection(self) -> SelectionInput:
        """Return the selected letters, or all letters that the page was about. Raises InvalidRequest, MalformedJson."""
        if self["scope"] == "ticked":
            if not self.all("id"):
                raise InvalidRequest("No letter is selected.")
            return valid(SelectionInput, {"ids": self.all("id")})
        if not self["selection"]:
            raise InvalidRequest("No letters are selected. Choose a group, a letter, or some of the list of letters.")
        try:
            return valid(SelectionInput, parse(self["selection"]))
        except orjson.JSONDecodeError:
            raise MalformedJson("The selection cannot be read.") from None


async def read_form(request: Request) -> Form:
    """Read the form in a request's body. Raises BodyTooLarge, InvalidRequest."""
    raw = await read_body(request, _MAX_BYTES)
    try:
        values = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError:
        raise InvalidRequest("The form cannot be read.") from None
    return Form(values)


def form_of(request: Request) -> Form:
    """Return the form that the guard has read from the body, or the query's values if the page is only viewed."""
    query = request.query_params
    form: Form = request.scope.get("form") or Form({name: query.getlist(name) for name in query})
    return form


M = TypeVar("M", bound=BaseModel)


def valid(model: type[M], values: Any) -> M:
    """Validate values as REST would. Raises InvalidRequest, which names the first invalid field."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    constraint = constraint_of(first)
    where = f"{field}: " if field else ""
    raise InvalidRequest(f"{where}{constraint}", details={"field": field, "value": None, "constraint": constraint})


#: Errors that a page shows beside its form, which keeps what was typed: the operator can change the request.
REFUSALS = (
    AllowanceUsedUp,
    CountMismatch,
    EditInvalid,
    EditOutdated,
    InvalidRequest,
    LetterBusy,
    NothingToReplay,
    NothingToUndo,
    OverBudget,
    ReplayNotNow,
    SecondPersonNeeded,
)


def problem_of(error: AppError) -> str:
    """Return the error's message, with those of its details that help to correct the request."""
    details = error.details or {}
    match error:
        case CountMismatch():
            return (
                f"Nothing was done: you typed {details['expected_count']:,}, and it is {details['actual_count']:,} now."
            )
        case OverBudget():
            return f"{error.message} More than {details['most']} {details['budget']}."
        case ReplayNotNow():
            return f"{error.message} It is {str(details['state']).replace('_', ' ')} now."
        case _:
            return f"{error.message} {details['why']}" if details.get("why") else error.message


def json_of(text: str, what: str) -> Any:
    """Parse a field's JSON. Raises InvalidRequest."""
    try:
        return parse_sent(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{what.capitalize()} is not JSON: {error}") from None
    except MalformedJson as error:
        name = (error.details or {})["field"]
        raise InvalidRequest(f"{what.capitalize()}: an object has the name {name[:100]!r} twice") from None


def json_text(value: Any) -> str:
    """Return JSON for a text field."""
    return written_out(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def selection_json(selection: SelectionInput) -> str:
    """Return JSON for a hidden field."""
    return selection.model_dump_json(by_alias=True, exclude_none=True)


def about_letters(selection: SelectionInput) -> dict[str, Any]:
    """Return the selection as a page sends it back, and as it describes it."""
    return {"selection": selection_json(selection), "selected": selected(selection.to_selection().to_json())}
