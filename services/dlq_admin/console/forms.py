"""Forms: what a page submits, and the selection that it carries, in the form that REST takes."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from holdfast.services.dlq_admin.console.render.visible import written_out
from holdfast.services.dlq_admin.rest.inputs import SelectionInput
from holdfast.shared.errors import (
    AllowanceUsedUp,
    AppError,
    CountMismatch,
    EditInvalid,
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

#: A payload may be large, and three times as large as it is once it is encoded.
_MAX_BYTES = 4 * 2**20
_FIELDS_MAX = 12_000
#: Before the names of fields that the login page carries.
_KEPT = "kept."


class Form:
    """Fields and their values; a missing field has the value ''."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0].strip() if self.all(name) else ""

    def all(self, name: str) -> list[str]:
        """Every value of a name."""
        return list(self._values.get(name, ()))

    def typed(self) -> list[tuple[str, str]]:
        """All that a form carries but the session's token; empty if nothing was typed."""
        fields = [(name, value) for name in self._values if name != "csrf" for value in self.all(name)]
        return fields if any(value for _, value in fields) else []

    def kept(self) -> list[tuple[str, str]]:
        """What the login page carries of a form that came when its session was over."""
        return [(name.removeprefix(_KEPT), value) for name, value in self.typed() if name.startswith(_KEPT)]

    def number(self, name: str) -> int | None:
        """A count as a person types it, `1,234` or `1 234`. None: none."""
        text = self[name].replace(",", "").replace(" ", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 10 else None

    def selection(self) -> SelectionInput:
        """The selected letters, or all that the page was about. Raises InvalidRequest."""
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
    """The body. Raises BodyTooLarge, InvalidRequest."""
    raw = await read_body(request, _MAX_BYTES)
    try:
        values = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError:
        raise InvalidRequest("The form cannot be read.") from None
    return Form(values)


def form_of(request: Request) -> Form:
    """What the guard has read of the body; of a page that is only looked at, what stands in its address."""
    query = request.query_params
    form: Form = request.scope.get("form") or Form({name: query.getlist(name) for name in query})
    return form


M = TypeVar("M", bound=BaseModel)


def valid(model: type[M], values: Any) -> M:
    """As the REST would take it. Raises InvalidRequest, naming the first field that is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    constraint = constraint_of(first)
    where = f"{field}: " if field else ""
    raise InvalidRequest(f"{where}{constraint}", details={"field": field, "value": None, "constraint": constraint})


#: What a page says beside its form, which keeps what was typed: the request is refused, and can be changed.
REFUSALS = (
    AllowanceUsedUp,
    CountMismatch,
    EditInvalid,
    InvalidRequest,
    LetterBusy,
    NothingToReplay,
    NothingToUndo,
    OverBudget,
    ReplayNotNow,
    SecondPersonNeeded,
)


def problem_of(error: AppError) -> str:
    """With what it says in its details, where that helps to do better."""
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
    """Of a field. Raises InvalidRequest."""
    try:
        return parse_sent(text)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"{what.capitalize()} is not JSON: {error}") from None
    except MalformedJson as error:
        name = (error.details or {})["field"]
        raise InvalidRequest(f"{what.capitalize()}: an object has the name {name[:100]!r} twice") from None


def json_text(value: Any) -> str:
    """For a field to type in."""
    return written_out(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def selection_json(selection: SelectionInput) -> str:
    """For a hidden field."""
    return selection.model_dump_json(by_alias=True, exclude_none=True)
