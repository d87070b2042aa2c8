"""What is answered to a path or query parameter of the wrong form."""

import pytest
from fastapi.exceptions import RequestValidationError

from holdfast.shared.errors import InvalidCursor, InvalidParameter
from holdfast.shared.http.answers import error_of


@pytest.mark.parametrize(
    ("loc", "msg", "field", "constraint"),
    [
        (("query", "limit"), "Input should be a valid integer", "limit", "Input should be a valid integer"),
        (("query", "outcome", 0), "Input should be 'dead'", "outcome", "Input should be 'dead'"),
        (("query", "from"), "Value error, must be a date and time", "from", "must be a date and time"),
        (("query",), "Value error, must be a range", None, "must be a range"),
    ],
)
def test_it_names_the_parameter(loc: tuple[str | int, ...], msg: str, field: str | None, constraint: str) -> None:
    """Not the place in its list; without what pydantic puts before our words."""
    error = error_of(RequestValidationError([{"loc": loc, "msg": msg, "input": "zzz", "type": "x"}]), {"type": "http"})
    assert isinstance(error, InvalidParameter)
    assert error.details == {"field": field, "value": "zzz", "constraint": constraint}


def test_what_is_no_cursor_is_refused_as_one() -> None:
    """Whatever is wrong with it, and without the form that it should have; beside another error it is one of two."""
    cursor = {"loc": ("query", "cursor"), "msg": "String should match pattern", "input": "zzz", "type": "x"}
    error = error_of(RequestValidationError([cursor]), {"type": "http"})
    constraint = "must be a meta.next_cursor of the same list"
    assert isinstance(error, InvalidCursor)
    assert error.details == {"field": "cursor", "value": "zzz", "constraint": constraint}
    both = error_of(RequestValidationError([cursor, cursor | {"loc": ("query", "limit")}]), {"type": "http"})
    assert isinstance(both, InvalidParameter)
