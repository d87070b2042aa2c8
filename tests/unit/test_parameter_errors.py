"""The answer to a path or query parameter of the wrong form."""

from datetime import datetime
from decimal import Decimal
from typing import Literal

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.shared.errors import InvalidCursor, InvalidParameter
from holdfast.shared.http.answers import error_of
from holdfast.shared.runtime.problems import constraint_of


@pytest.mark.parametrize(
    ("loc", "msg", "field", "constraint"),
    [
        (("query", "limit"), "Input should be a valid integer", "limit", "must be a valid integer"),
        (("query", "outcome", 0), "Input should be 'dead'", "outcome", "must be 'dead'"),
        (("query", "from"), "Value error, must be a date and time", "from", "must be a date and time"),
        (("query",), "Value error, must be a range", None, "must be a range"),
    ],
)
def test_it_names_the_parameter(loc: tuple[str | int, ...], msg: str, field: str | None, constraint: str) -> None:
    """The error names the parameter without the index in its list, and without the prefix that pydantic puts before a
    custom message."""
    error = error_of(RequestValidationError([{"loc": loc, "msg": msg, "input": "zzz", "type": "x"}]), {"type": "http"})
    assert isinstance(error, InvalidParameter)
    assert error.details == {"field": field, "value": "zzz", "constraint": constraint}


def test_what_is_no_cursor_is_refused_as_one() -> None:
    """Any invalid cursor gets the same error, which does not show its expected form. Beside another error, the cursor
    is one of two invalid parameters."""
    cursor = {"loc": ("query", "cursor"), "msg": "String should match pattern", "input": "zzz", "type": "x"}
    error = error_of(RequestValidationError([cursor]), {"type": "http"})
    constraint = "must be a meta.next_cursor of the same list"
    assert isinstance(error, InvalidCursor)
    assert error.details == {"field": "cursor", "value": "zzz", "constraint": constraint}
    both = error_of(RequestValidationError([cursor, cursor | {"loc": ("query", "limit")}]), {"type": "http"})
    assert isinstance(both, InvalidParameter)


class _Everything(BaseModel):
    """A model with a field for each kind of constraint."""

    model_config = ConfigDict(extra="forbid")

    whole: int = Field(default=1, ge=1, le=3)
    number: float = 1
    price: Decimal = Field(default=Decimal(1), max_digits=3)
    text: str = Field(default="abc", min_length=2, max_length=3, pattern="^[a-z]+$")
    listed: list[int] = Field(default=[], max_length=1)
    mapped: dict[str, int] = Field(default={}, max_length=1)
    kind: Literal["a", "b"] = "a"
    flag: bool = True
    moment: datetime | None = None


@pytest.mark.parametrize(
    "sent",
    [{"whole": 0}, {"whole": 4}, {"whole": "x"}, {"whole": 1.5}, {"number": "x"}, {"price": "1.2345"}, {"price": "x"},
     {"text": "a"}, {"text": "abcd"}, {"text": "A1"}, {"text": 7}, {"listed": [1, 2]}, {"listed": 7}, {"kind": "c"},
     {"mapped": {"a": 1, "b": 2}}, {"mapped": 7}, {"flag": "x"}, {"moment": "x"}],
    ids=str,
)  # fmt: skip
def test_every_constraint_says_what_must_be(sent: dict[str, object]) -> None:
    """Every violated constraint is described in Holdfast's own words, which begin with "must", and not in
    pydantic's."""
    with pytest.raises(ValidationError) as refused:
        _Everything.model_validate(sent)
    [problem] = refused.value.errors()
    assert constraint_of(problem).startswith("must ")


def test_fields_have_the_words_of_a_resource() -> None:
    """A missing or unknown field has the same message as in `POST /users`."""
    with pytest.raises(ValidationError) as refused:
        _Needy.model_validate({"other": 1})
    assert [constraint_of(each) for each in refused.value.errors()] == ["is required", "is not a known field"]


class _Needy(BaseModel):
    """A model with a required field."""

    model_config = ConfigDict(extra="forbid")

    needed: int
