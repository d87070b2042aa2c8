"""Custom field types: one that fits no column is refused at start, and an error message does not contain the value."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from holdfast.services.api.bodies import parse_whole
from holdfast.shared.domain.errors import InvalidValue
from holdfast.shared.domain.field_type import Column, FieldType
from holdfast.shared.domain.field_types import Moment, Text
from holdfast.shared.domain.resource import DeclarationError, Resource, Unique

_GRADES = {"gold": "gold", "silver": "silver"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Own(FieldType):
    """A custom field type for texts."""

    constraint = "must be as we like it"
    json_schema = {"type": "string"}  # noqa: RUF012 - as a property would be
    column = Column("text", 10)

    def clean(self, value: Any) -> Any:
        """Return the value unchanged."""
        return value

    def unlikely(self, seed: str) -> Any:
        """Return the first 10 characters of the seed."""
        return seed[:10]


class Lists(Own):
    """A field type whose values no column can hold."""

    python = list
    empty: Any = ()

    def unlikely(self, seed: str) -> Any:
        """Return a list with the seed."""
        return [seed]


class Longer(Own):
    """A field type whose values are longer than its column."""

    def unlikely(self, seed: str) -> str:
        """Return the whole seed."""
        return seed


class Grade(Own):
    """A field type that raises KeyError for an invalid value."""

    def clean(self, value: str) -> str:
        """Return one of two grades."""
        return _GRADES[value]

    def unlikely(self, seed: str) -> str:
        """Return one of two grades."""
        return "gold" if seed else "silver"


class Lines(Own):
    """A field type for JSON in a text."""

    def clean(self, value: str) -> str:
        """Return the text with its JSON parsed. Raises RecursionError if the JSON is nested too deeply, and passes on
        half a surrogate pair."""
        return str(json.loads(value)) if value.startswith(("[", '"')) else value


@pytest.mark.parametrize(
    ("python", "kind", "why"),
    [(list, Lists(), "its values are list, and its column holds str"), (str, Longer(), "has more than 10 characters")],
)
def test_what_no_column_holds_is_refused_at_start(python: Any, kind: FieldType, why: str) -> None:
    """A field type whose values its column cannot hold is refused at start, because a write of such a value would fail
    in every writer, as if the database had failed."""
    with pytest.raises(DeclarationError, match=f"Thing.note: .*{why}"):
        type("Thing", (Resource,), {"__annotations__": {"note": Annotated[python, kind]}}, plural="things")


class Thing(Resource, plural="things"):
    """A resource with two custom fields."""

    grade: Annotated[str, Grade()]
    lines: Annotated[str, Lines()] | None = None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grade", "MrsSecret"),
        ("lines", "[" * 50_000),
        ("lines", '"\\ud800"'),
        ("lines", "x" * 11),
    ],
)
def test_whatever_it_raises_means_that_the_value_may_not_be(field: str, value: str) -> None:
    """Any exception of a custom field type means that the value is invalid, in a request and on the wire, and no error
    contains the value."""
    body = {"grade": "gold"} | {field: value}
    with pytest.raises(InvalidValue) as refused:
        parse_whole(Thing.type, json.dumps(body).encode())
    assert refused.value.details is not None
    assert (refused.value.details["field"], refused.value.details["constraint"]) == (field, "must be as we like it")
    with pytest.raises(ValueError) as raised:  # noqa: PT011 - the message is checked below
        Thing.type.by_name[field].clean(value)
    assert value not in str(raised.value)
    with pytest.raises(ValidationError):
        TypeAdapter(Thing.type.by_name[field].wire).validate_python(value)


def _unique(key: Any) -> Any:
    hints = {"number": Annotated[str, Text(max_chars=20), Unique(key=key)]}
    made: Any = type("Thing", (Resource,), {"__annotations__": hints}, plural="things")
    return made.type


def test_functions_of_keys_are_told_apart_by_what_they_make() -> None:
    """Key functions are distinguished by their results and not by their names, so that a lambda or a moved function
    counts as unchanged."""
    marks = [_unique(key).by_name["number"].key_mark for key in (str, lambda value: value, str.casefold, str.upper)]
    assert marks[0] == marks[1]
    assert len(set(marks)) == 3
    assert _unique(str).fingerprint != _unique(str.casefold).fingerprint


@pytest.mark.parametrize(
    "text",
    [
        "2026-W01-1T00:00:00Z", "20260101T000000Z", "2026-01-01T00Z", "2026-01-01T00:00Z", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+00:00:00.000001", "2026-01-01T00:00:00+0000", "2026-01-01T00:00:00",
    ],
)  # fmt: skip
def test_a_moment_is_as_its_contract_says(text: str) -> None:
    """A timestamp that Python reads but that is not RFC 3339, as `format: date-time` requires, is refused."""
    with pytest.raises(ValueError, match="RFC 3339"):
        Moment().clean(text)


def test_a_moment_has_one_form() -> None:
    """A timestamp has one form, in UTC and with microseconds; lower-case letters are accepted."""
    for text in ("2026-01-15t10:30:00.25z", "2026-01-15T12:30:00.250+02:00", " 2026-01-15T10:30:00.250000Z"):
        assert Moment().clean(text) == "2026-01-15T10:30:00.250000Z"
