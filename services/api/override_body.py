"""Override body: validates the body of an override: what is to be done to a breaker, why, and for how long."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema
from pydantic_core import PydanticCustomError

from holdfast.shared.domain.reason import legible
from holdfast.shared.errors import InvalidOverride
from holdfast.shared.fleet.order import Measure
from holdfast.shared.runtime.documents import malformed, refuse_repeated_names
from holdfast.shared.runtime.problems import constraint_of
from holdfast.shared.runtime.time_budgets import OVERRIDE_MAX_S, OVERRIDE_S

_TEXT_MAX_CHARS = 500


def _text(value: str) -> str:
    text = value.strip()
    if not 0 < len(text) <= _TEXT_MAX_CHARS or not text.isprintable():
        raise PydanticCustomError("text", "must be 1 to {most} printable characters", {"most": _TEXT_MAX_CHARS})
    return text


class OverrideBody(BaseModel):
    """What to do to a breaker, why, and for how many seconds."""

    model_config = ConfigDict(extra="forbid")

    action: Annotated[Measure, WithJsonSchema({"type": "string", "enum": list(Measure)})]
    reason: Annotated[
        str, Field(max_length=_TEXT_MAX_CHARS, strict=True), AfterValidator(legible), AfterValidator(_text)
    ]
    for_s: Annotated[float, Field(ge=1, le=OVERRIDE_MAX_S, strict=True, allow_inf_nan=False)] = OVERRIDE_S
    instance: Annotated[str, Field(strict=True), AfterValidator(_text)] | None = None


_BODY = TypeAdapter(OverrideBody)


def parse(body: bytes) -> OverrideBody:
    """Return the override that a body asks for. Raises InvalidRequest or MalformedJson."""
    try:
        override = _BODY.validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
        if problem["type"] == "json_invalid":
            raise malformed(body) from None
        field = str(problem["loc"][0])[:100].encode("utf-8", "replace").decode() if problem["loc"] else None
        details = {"field": field, "value": None, "constraint": constraint_of(problem)}
        raise InvalidOverride(details=details) from None
    refuse_repeated_names(body)
    return override
