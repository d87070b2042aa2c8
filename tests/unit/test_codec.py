"""Codec: what is encoded is decoded unchanged, and anything else is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.domain.users import User
from holdfast.shared.queue.build import build
from holdfast.shared.queue.codec import Undecodable, UnknownWrite, decode, encode
from holdfast.shared.queue.payloads import payloads
from holdfast.shared.writes.commands import Create, Delete, Heartbeat, Replace, Update, Write

_ID = "0198c0de-0000-7000-8000-000000000001"
_USER = User.type


def _clean(text: str) -> str:
    """Return `text` as it is stored as a name, or an empty text if it cannot be a name."""
    try:
        return str(_USER.by_name["name"].clean(text))
    except ValueError:
        return ""


_text = st.text(max_size=200).map(_clean).filter(bool)
_emails = st.just("ada@example.com")
_whole = st.fixed_dictionaries({"name": _text, "email": _emails})
_some = st.fixed_dictionaries({}, optional={"name": _text, "email": _emails}).filter(bool)
_commands = st.one_of(
    st.builds(Create, st.just(_USER), _whole),
    st.builds(Replace, st.just(_USER), _whole),
    st.builds(Update, st.just(_USER), _some),
    st.just(Delete(_USER)),
    st.just(Heartbeat()),
)
_versions = st.integers(1, 2**53 - 1)
_several = st.lists(_versions, max_size=3).map(tuple)
_writes = st.builds(
    Write,
    operation_id=st.just(_ID),
    entity_id=st.just(_ID),
    command=_commands,
    version=_versions,
    after=st.none() | st.just(_ID),
    if_match=_several,
    if_none_match=st.just("*") | _several,
    body_hash=st.sampled_from(["", "a" * 64]),
    key_hash=st.sampled_from(["", "b" * 64]),
    key_unsure=st.booleans(),
    request_id=st.sampled_from(["", "req_1"]),
    traceparent=st.just(""),
    expires_at=st.none() | _versions,
    notify=st.sampled_from(["", "{holdfast}:notify:api-1"]),
    replay=st.sampled_from(["", "7"]),
)


def raw(write: Write) -> dict[bytes, bytes]:
    """Return the fields of the entry as Redis returns them."""
    return {name.encode(): value.encode() for name, value in encode(write).items()}


def in_schema_1(fields: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the fields as builds of schema 1 wrote them."""
    rest = {name: value for name, value in fields.items() if name not in (b"resource", b"entity_id")}
    return rest | {b"schema": b"1", b"user_id": fields[b"entity_id"]}


@given(write=_writes)
def test_there_and_back(write: Write) -> None:
    """Decoding an encoded write gives the write, of this schema and of the one before."""
    assert decode(raw(write)) == write
    assert decode(in_schema_1(raw(write))) == write


_GOOD = raw(Write(_ID, _ID, Create(_USER, {"name": "Ada", "email": "ada@example.com"}), 1))
_UPDATE = _GOOD | {b"command": b"UpdateUser"}
_BOTH = [pytest.param(_GOOD, id="schema 2"), pytest.param(in_schema_1(_GOOD), id="schema 1")]


@pytest.mark.parametrize("good", _BOTH)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"schema", b"two"),
        (b"schema", b""),
        (b"command", b"Drop Table"),
        (b"operation_id", b"x" * 37),
        (b"operation_id", b""),
        (b"operation_id", b"\xff"),
        (b"version", b"-1"),
        (b"version", b"9" * 17),
        (b"version", b"\xd9\xa3"),
        (b"payload", b"not json"),
        (b"payload", b'{"name": ""}'),
        (b"payload", b'{"name": null, "email": "ada@example.com"}'),
        (b"payload", b'["ada@example.com"]'),
    ],
)
def test_what_is_no_write_is_undecodable(good: dict[bytes, bytes], field: bytes, value: bytes) -> None:
    """Each wrong field alone makes the entry undecodable, and the message never holds the payload."""
    with pytest.raises(Undecodable) as caught:
        decode(good | {field: value})
    assert not isinstance(caught.value, UnknownWrite)
    assert "ada@example.com" not in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "missing"),
    [(fields, name) for fields in (_GOOD, in_schema_1(_GOOD)) for name in fields if name not in (b"schema", b"build")],
)
def test_a_missing_field_is_named(fields: dict[bytes, bytes], missing: bytes) -> None:
    """Every field of a schema is required, and the error names the missing one."""
    with pytest.raises(Undecodable, match=f"missing fields: {missing.decode()}") as caught:
        decode({name: value for name, value in fields.items() if name != missing})
    assert not isinstance(caught.value, UnknownWrite)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(_GOOD | {b"schema": b"3"}, id="schema"),
        pytest.param({b"schema": b"3"}, id="schema with other fields"),
        pytest.param(_GOOD | {b"command": b"ArchiveUser"}, id="command"),
        pytest.param(in_schema_1(_GOOD) | {b"command": b"CreateArticle"}, id="resource of schema 1"),
        pytest.param(_GOOD | {b"resource": b"articles", b"command": b"CreateArticle"}, id="resource"),
        pytest.param(_GOOD | {b"resource": b"articles"}, id="resource with a known command"),
        pytest.param(_GOOD | {b"payload": b'{"name": "Ada", "email": "ada@example.com", "role": 1}'}, id="field"),
        pytest.param(_UPDATE | {b"payload": b'{"role": {"ada@example.com": 1}}'}, id="only field"),
        pytest.param(_UPDATE | {b"payload": b'{"ada@example.com": 1}'}, id="field that is no name"),
    ],
)
def test_what_another_build_may_know_is_unknown(fields: dict[bytes, bytes]) -> None:
    """An entry with a schema, resource, command or field that this build lacks is an unknown write, not one that can
    never be a write."""
    with pytest.raises(UnknownWrite) as caught:
        decode(fields)
    assert "ada@example.com" not in str(caught.value)


def test_what_another_build_accepted_is_no_poison() -> None:
    """A payload that is invalid in this build is unknown if another build wrote it, and a payload that no build accepts
    is undecodable."""
    for payload in (
        b"{}",
        b'{"name": "Ada"}',
        b'{"name": 7, "email": "ada@example.com"}',
        b'{"name": "", "email": "x"}',
    ):
        for own in ({}, {b"build": build().encode()}):
            with pytest.raises(Undecodable) as caught:
                decode({name: value for name, value in _GOOD.items() if name != b"build"} | {b"payload": payload} | own)
            assert not isinstance(caught.value, UnknownWrite)
        with pytest.raises(UnknownWrite):
            decode(_GOOD | {b"payload": payload, b"build": b"1.0.0+other"})
    with pytest.raises(Undecodable) as caught:
        decode(_GOOD | {b"payload": b"not json", b"build": b"1.0.0+other"})
    assert not isinstance(caught.value, UnknownWrite)


def test_an_update_that_sets_nothing_is_undecodable() -> None:
    """An update that sets nothing is undecodable, because it has no use and no api accepts one."""
    with pytest.raises(Undecodable, match="UpdateUser"):
        decode(_UPDATE | {b"payload": b"{}"})


def test_a_command_belongs_to_its_resource() -> None:
    """A command of another resource is undecodable: a heartbeat is no command of a user."""
    with pytest.raises(Undecodable, match="another resource"):
        decode(_GOOD | {b"command": b"Heartbeat", b"payload": b"{}"})


@given(fields=st.dictionaries(st.binary(max_size=12) | st.sampled_from(list(_GOOD)), st.binary(max_size=40)))
def test_anything_at_all_is_a_write_or_undecodable(fields: dict[bytes, bytes]) -> None:
    """Any bytes are decoded to a write or refused as undecodable; the decoder fails in no other way."""
    try:
        decode(fields)
    except Undecodable:
        return
    assert fields[b"schema"] in (b"1", b"2")


def test_the_documented_form_is_the_one_that_is_read() -> None:
    """The JSON schema of each payload names the fields that it takes."""
    create = payloads()[b"CreateUser"].json_schema
    assert create["required"] == ["name", "email"]
    assert create["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 200}
    assert not payloads()[b"UpdateUser"].json_schema["required"]
