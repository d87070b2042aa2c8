"""Field values: for every kind of field, a value on the wire has passed the same checks as a value in a request."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from holdfast.services.api.bodies import parse_part, parse_whole
from holdfast.services.api.resources import _signature
from holdfast.shared.domain.declared_field import PAGE_PARAMETERS
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import AppError
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.writes.commands import Command
from tests.kinds import Kind

_ID = b"0198c0de-0000-7000-8000-000000000001"
_MOMENTS = st.from_regex(r"\A[0-2]\d{3}-[0-1]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{6})?Z\Z")
_ANY = (
    st.text(max_size=12) | st.integers(-9, 9) | st.booleans() | st.none() | st.floats(-9, 9) | st.text(max_size=320)
    | _MOMENTS | st.from_regex(r"\A ?[a-z]{1,5}-?[a-z]{0,5}\Z")
    | st.from_regex(r"\A[A-Za-zß]{1,9}@[A-Za-zäß]{1,9}\.(example|com|invalid)\Z")
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def kinds() -> Iterator[None]:
    """A process whose domain has a field of every kind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDFAST_DOMAIN", "tests.kinds")
        domain.cache_clear()
        yield
    domain.cache_clear()


def on_the_wire(command: str, payload: object) -> Command:
    """Return the command that an entry with this payload decodes to."""
    fields = {
        b"schema": b"2", b"resource": b"kinds", b"command": f"{command}Kind".encode(), b"operation_id": _ID,
        b"entity_id": _ID, b"version": b"1", b"payload": json.dumps(payload).encode(),
    }  # fmt: skip
    return decode(fields).command


def in_a_request(payload: object) -> Any:
    """Return the values that a request with this body means, or None if the request is refused."""
    try:
        return parse_part(Kind.type, json.dumps(payload).encode())
    except AppError:
        return None


@given(name=st.sampled_from([field.name for field in Kind.type.fields if not field.required]), value=_ANY)
@example(name="at", value="2026-02-30T10:30:00.000000Z")
@example(name="at", value="2026-01-15T10:30:00Z")
@example(name="text", value=" a")
@example(name="code", value="x" * 257)
@example(name="email", value="A@EXAMPLE.com")
@example(name="number", value=True)
def test_the_wire_takes_what_a_request_means(name: str, value: Any) -> None:
    """An entry is decoded exactly if a request with the same value is valid, and the decoded value has its clean form,
    whichever build cleaned it."""
    meant = in_a_request({name: value})
    if meant is None:
        with pytest.raises(Undecodable):
            on_the_wire("Update", {name: value})
        return
    assert on_the_wire("Update", {name: value}).values == meant
    assert on_the_wire("Update", meant).values == meant
    assert in_a_request(meant) == meant, "cleaning a clean value changes nothing"


def test_a_write_of_a_build_before_is_understood() -> None:
    """In an entry of an earlier build, a missing required field gets its stand-in and a removed field is left out. A
    request with such a body is refused."""
    assert on_the_wire("Create", {"text": "a", "price": 5}).values == {"text": "a", "language": "en"}
    assert on_the_wire("Replace", {"language": None}).values == {"language": "en"}
    assert on_the_wire("Update", {"text": "a"}).values == {"text": "a"}
    assert on_the_wire("Update", {"language": None}).values == {"language": "en"}
    assert on_the_wire("Update", {"price": {"any": "thing"}}).values == {}
    for body in ({"text": "a"}, {"text": "a", "language": None}, {"language": "en", "price": 5}):
        with pytest.raises(AppError):
            parse_whole(Kind.type, json.dumps(body).encode())


@pytest.mark.parametrize("value", ["a-slug", "No slug", "a_b", "-a", "a-"])
def test_the_schema_of_a_slug_is_about_the_whole_value(value: str) -> None:
    """The JSON schema of a slug, which is published, allows the same values as the field: a pattern of JSON Schema
    without ends also allows a value that only contains a slug."""
    allowed = jsonschema_rs.validator_for(Kind.type.by_name["slug"].type.json_schema).is_valid(value)
    assert allowed == (in_a_request({"slug": value}) is not None) == (value == "a-slug")


def test_a_page_has_the_parameters_that_no_unique_field_may_be_called() -> None:
    """The parameters of a page, apart from the unique fields, are exactly the names that a unique field must not
    have."""
    unique = {field.name for field in Kind.type.unique}
    assert set(_signature(Kind.type).parameters) - unique == set(PAGE_PARAMETERS)
