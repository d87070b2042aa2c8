"""Patches do what RFC 6902 says; an edit leaves unchanged what it does not name."""

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from holdfast.shared.letters.edit.document import EditRefused, document, edited
from holdfast.shared.letters.edit.patch import Operation, PatchFailed, patched
from holdfast.shared.writes.versions import from_stream_id
from tests import letters

_PATCH = TypeAdapter(list[Operation])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab/~", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~0", max_size=2), inner, max_size=3),
    max_leaves=10,
)
ENTRY = "1764000000000-1"


def patch(document: Any, *operations: dict[str, Any]) -> Any:
    """Return the document to which the parsed patch was applied."""
    return patched(document, _PATCH.validate_python(list(operations)))


@pytest.mark.parametrize(
    ("before", "operation", "after"),
    [  # the appendix of RFC 6902
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "q"}, {"foo": ["bar", "q", "baz"]}),
        ({"baz": 1, "foo": 2}, {"op": "remove", "path": "/baz"}, {"foo": 2}),
        ({"foo": [1, 2, 3]}, {"op": "remove", "path": "/foo/1"}, {"foo": [1, 3]}),
        ({"baz": 1}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
        ({"a": {"b": 1}, "c": {}}, {"op": "move", "from": "/a/b", "path": "/c/d"}, {"a": {}, "c": {"d": 1}}),
        ({"foo": [1, 2, 3, 4]}, {"op": "move", "from": "/foo/1", "path": "/foo/3"}, {"foo": [1, 3, 4, 2]}),
        ({"foo": "bar"}, {"op": "add", "path": "/child", "value": {}}, {"foo": "bar", "child": {}}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["a"]}, {"foo": ["bar", ["a"]]}),
        ({"/": 9, "~1": 10}, {"op": "test", "path": "/~01", "value": 10}, {"/": 9, "~1": 10}),
        ({"a": {"b": [1]}}, {"op": "copy", "from": "/a", "path": "/c"}, {"a": {"b": [1]}, "c": {"b": [1]}}),
        ({"a": 1}, {"op": "replace", "path": "", "value": [1]}, [1]),
        ({"a": 1}, {"op": "add", "path": "/b", "value": None}, {"a": 1, "b": None}),
        ({"": 1}, {"op": "remove", "path": "/"}, {}),
    ],
)
def test_each_operation(before: Any, operation: dict[str, Any], after: Any) -> None:
    """Each operation gives the result of the RFC's example, and the given document does not change."""
    kept = copy.deepcopy(before)
    assert patch(before, operation) == after
    assert before == kept


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/b"}, {"op": "replace", "path": "/b", "value": 1},
        {"op": "test", "path": "/a", "value": 2}, {"op": "test", "path": "/a", "value": True},
        {"op": "add", "path": "/x/y", "value": 1}, {"op": "add", "path": "/l/3", "value": 1},
        {"op": "add", "path": "/l/01", "value": 1}, {"op": "remove", "path": "/l/-"},
        {"op": "move", "from": "/l", "path": "/l/0"}, {"op": "copy", "from": "/b", "path": "/c"},
        {"op": "add", "path": "/a/b", "value": 1}, {"op": "remove", "path": "/l/٠"},
    ],
)  # fmt: skip
def test_what_does_not_fit_fails_by_number(operation: dict[str, Any]) -> None:
    """A patch of which one operation does not fit fails as a whole, with the operation's number and its paths."""
    before = {"a": 1, "l": [1, 2]}
    with pytest.raises(PatchFailed) as failed:
        patch(before, {"op": "test", "path": "/a", "value": 1.0}, operation)
    assert failed.value.at == 1
    places = [operation[name] for name in ("from", "path") if name in operation]
    assert str(failed.value).startswith(f"{operation['op']} {' to '.join(places)}: ")
    assert before == {"a": 1, "l": [1, 2]}


@pytest.mark.parametrize(
    "operation",
    [{"op": "add", "path": "/a"}, {"op": "move", "path": "/a"}, {"op": "run", "path": "/a"}, {"op": "remove"},
     {"op": "remove", "path": "a"}, {"op": "remove", "path": "/~2"}, {"op": "remove", "path": "/a", "x": 1}],
)  # fmt: skip
def test_what_is_no_patch_is_refused(operation: dict[str, Any]) -> None:
    """A malformed patch is refused before any operation is applied."""
    with pytest.raises(ValidationError):
        _PATCH.validate_python([operation])


@given(_JSON, st.lists(st.tuples(st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
                                 st.sampled_from(["", "/a", "/b", "/a/0", "/a/-", "/~1", "/a/b", "/0", "/-"]),
                                 st.sampled_from(["", "/a", "/b", "/0"]), _JSON), max_size=4))  # fmt: skip
def test_any_patch_on_any_document(before: Any, steps: list[tuple[str, str, str, Any]]) -> None:
    """Any patch of any document gives a new document or raises PatchFailed, and never changes the given document."""
    kept = copy.deepcopy(before)
    try:
        after = patch(before, *[{"op": op, "path": to, "from": of, "value": value} for op, to, of, value in steps])
    except PatchFailed:
        after = None
    orjson.dumps(after)
    assert before == kept


def original(**changed: bytes | None) -> dict[bytes, bytes]:
    """Return the fields of a good letter with these changes."""
    fields = dict(letters.letter(1).original) | {n.encode(): v for n, v in changed.items() if v is not None}
    return {name: value for name, value in fields.items() if changed.get(name.decode("latin-1"), b"") is not None}


def test_an_edit_changes_what_it_changes() -> None:
    """An edit leaves the bytes of other fields unchanged, also those that are not text, and leaves an untouched payload
    as it was written."""
    fields = original() | {b"\xff": b"\xfe", b"later": b"\xff", b"payload": b'{"name" : "Ann","email":"a@example.com"}'}
    shown = document(fields)
    assert shown["payload"] == {"name": "Ann", "email": "a@example.com"}
    assert shown["later"] == {"base64": "/w=="}
    assert edited(fields, shown, ENTRY) is None
    changed = edited(fields, shown | {"if_match": 7}, ENTRY)
    assert changed is not None
    assert changed.fields == fields | {b"if_match": b"7"}
    assert changed.write.if_match == (7,)
    changed = edited(fields, shown | {"payload": {"name": " Zoe\u0308 ", "email": "a@example.com"}}, ENTRY)
    assert changed is not None
    assert orjson.loads(changed.fields[b"payload"]) == {"name": "Zoë", "email": "a@example.com"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"payload": {"name": "Ann"}}, "email: missing"),
        ({"payload": {"name": "x" * 201, "email": "a@example.com"}}, "payload.name"),
        ({"payload": {"name": "a\x00b", "email": "a@example.com"}}, "payload.name"),
        ({"payload": {"name": "Ann", "email": "a@b@c"}}, "email"),
        ({"payload": {"name": "Ann", "email": "a@-.example"}}, "payload.email"),
        ({"command": "NoSuch"}, "unknown command"),
        ({"operation_id": "another"}, "operation_id cannot be changed"),
        ({"version": "1"}, "version cannot be changed"),
        ({"entity_id": None}, "entity_id cannot be changed"),
        ({"schema": 1.5}, "schema"),
        ({"trace": {"base64": "?"}}, "trace"),
    ],
)
def test_an_edit_that_makes_no_write_is_refused(changed: dict[str, Any], why: str) -> None:
    """An edit is refused by the model, by the rules for people, or because it would make another write."""
    fields = original()
    with pytest.raises(EditRefused, match=why):
        edited(fields, document(fields) | changed, ENTRY)
    with pytest.raises(EditRefused):
        edited(fields, [], ENTRY)


def test_a_field_of_the_payload_is_not_set_beside_it() -> None:
    """A field of the payload that is set beside the payload is refused, because it would change nothing that is stored;
    the refusal says how to change it."""
    fields = original()
    with pytest.raises(EditRefused, match=r'name is a field of the payload, not of the entry.*"path": "/payload/name"'):
        edited(fields, document(fields) | {"name": "Ada"}, "1-0")


def test_what_the_entry_had_all_along_has_to_be_right_too() -> None:
    """An edit checks the whole write like any other, including values that the entry already had; the values that it
    does not set do not change."""
    fields = original(payload=b'{"name": "a\\u2028b", "email": "ann@example.com"}')
    shown = document(fields)
    with pytest.raises(EditRefused, match="name: must be"):
        edited(fields, shown | {"payload": shown["payload"] | {"email": "new@example.com"}}, ENTRY)
    changed = edited(fields, shown | {"payload": shown["payload"] | {"name": " b "}}, ENTRY)
    assert changed is not None
    assert orjson.loads(changed.fields[b"payload"]) == {"name": "b", "email": "ann@example.com"}


def test_who_a_write_is_can_be_supplied() -> None:
    """An edit can supply the ids that the entry does not have; the write's version is then the time at which the entry
    was put on the stream."""
    fields = original(operation_id=None, version=b"soon", entity_id=b"\xff")
    shown = document(fields) | {"operation_id": "op-1", "entity_id": "u-1"}
    changed = edited(fields, shown, ENTRY)
    assert changed is not None
    assert changed.write[:2] == ("op-1", "u-1")
    assert changed.write.version == from_stream_id(ENTRY)
