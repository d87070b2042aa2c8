"""Forms: what a page submits, and the selection that it carries, in the form that REST takes."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qs

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from holdfast.services.dlq_admin.rest.inputs import SelectionInput
from holdfast.shared.errors import InvalidRequest, MalformedJson
from holdfast.shared.http.body import read_body
from holdfast.shared.runtime.documents import parse

#: A payload may be large, and three times as large as it is once it is encoded.
_MAX_BYTES = 4 * 2**20
_FIELDS_MAX = 12_000


class Form:
    """Fields and their values; a missing field has the value ''."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self.all(name)[0].strip() if self.all(name) else ""

    def all(self, name: str) -> list[str]:
        """Every value of a name."""
        return list(self._values.get(name, ()))

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
        try:
            return valid(SelectionInput, parse(self["selection"]))
        except orjson.JSONDecodeError:
            raise MalformedJson("The form carries no selection.") from None


async def read_form(request: Request) -> Form:
    """The body. Raises BodyTooLarge, InvalidRequest."""
    raw = await read_body(request, _MAX_BYTES)
    try:
        values = parse_qs(raw.decode(), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict")
    except ValueError:
        raise InvalidRequest("The form cannot be read.") from None
    return Form(values)


def form_of(request: Request) -> Form:
    """What the guard has read."""
    form: Form = request.scope["form"]
    return form


M = TypeVar("M", bound=BaseModel)


def valid(model: type[M], values: Any) -> M:
    """As the REST would take it. Raises InvalidRequest, naming the first field that is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(map(str, first["loc"]))
    constraint = first["msg"].removeprefix("Value error, ")
    where = f"{field}: " if field else ""
    raise InvalidRequest(f"{where}{constraint}", details={"field": field, "value": None, "constraint": constraint})


def selection_json(selection: SelectionInput) -> str:
    """For a hidden field."""
    return selection.model_dump_json(by_alias=True, exclude_none=True)
