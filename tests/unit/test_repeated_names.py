"""An object with a repeated name is refused in all JSON that we act on, because two parsers would read it
differently."""

import json
from base64 import b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.services.api import override_body
from holdfast.services.api.bodies import parse_whole
from holdfast.services.dlq_admin.cli.edits import _json
from holdfast.services.dlq_admin.cli.selection import Usage
from holdfast.services.dlq_admin.console.forms import json_of
from holdfast.services.dlq_admin.letters.exchange import _parsed
from holdfast.shared.domain.users import User
from holdfast.shared.errors import InvalidLine, InvalidRequest, MalformedJson
from holdfast.shared.letters.edit.document import EditRefused, document, edited
from holdfast.shared.runtime.documents import parse, parse_sent
from tests import letters

_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize("raw", ['{"a": 1, "a": 1}', '[{"b": {"a": 1, "\\u0061": 2}}]', b'{"a": {}, "b": 1, "a": 2}'])
def test_a_name_given_twice_is_refused_and_named(raw: str | bytes) -> None:
    """A repeated name is refused and named, at any depth, however it is escaped, and whether or not the values
    agree."""
    with pytest.raises(MalformedJson) as refused:
        parse_sent(raw)
    assert refused.value.details == {"field": "a", "value": None, "constraint": "must not be given twice"}


@settings(max_examples=100)
@given(_DOCUMENTS)
def test_every_other_document_is_taken_as_it_is(document: Any) -> None:
    """Every other document is accepted unchanged: numbers of any size, empty names, and the same name in different
    objects."""
    raw = json.dumps([document, document])
    try:
        expected = parse(raw)
    except orjson.JSONDecodeError:  # an integer of more than 64 bits may exceed a double
        return
    assert parse_sent(raw) == expected


def test_a_body_of_a_resource() -> None:
    """A repeated name in the body of a resource is refused, because otherwise the last value would be stored."""
    with pytest.raises(MalformedJson):
        parse_whole(User.type, b'{"name": "Ada", "email": "ada@example.com", "name": "Eve"}')


def test_an_override() -> None:
    """A repeated name in an override is refused, because otherwise the last action would be taken."""
    with pytest.raises(MalformedJson):
        override_body.parse(b'{"action": "force_open", "reason": "maintenance", "action": "force_closed"}')


def test_what_is_typed_in_the_console() -> None:
    """A repeated name in the console's input is refused with a message that has the field of the page and the name."""
    with pytest.raises(InvalidRequest, match="The payload: an object has the name 'email' twice"):
        json_of('{"email": "a@example.com", "email": "b@example.com"}', "the payload")


def test_a_line_of_letters() -> None:
    """A repeated name in a line of letters is refused with a message that has the number of the line."""
    with pytest.raises(InvalidLine) as refused:
        _parsed(b'\n{"id": 1, "id": 2}')
    assert refused.value.details == {"field": "line 2", "value": None, "constraint": "id must not be given twice"}


def test_a_payload_that_an_edit_gives_as_bytes() -> None:
    """A repeated name in a payload of bytes is refused, because the bytes would be sent unchanged and every reader
    would choose one of the values."""
    given = b'{"name": "Ada", "email": "a@example.com", "name": "Eve"}'
    entry = letters.letter(1).original
    changed = document(entry) | {"payload": {"base64": b64encode(given).decode()}}
    with pytest.raises(EditRefused, match="name twice"):
        edited(entry, changed, "1-1")


@pytest.mark.parametrize("typed", ['{"name": "Ada", "name": "Eve"}', '[{"op": "test", "op": "add"}]'])
def test_what_is_typed_on_the_command_line(typed: str) -> None:
    """A repeated name on the command line is refused, because otherwise one of the values would be dropped without
    notice."""
    with pytest.raises(Usage, match="twice"):
        _json(typed)
