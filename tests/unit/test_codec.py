"""Codec: what goes onto the stream comes off it the same, and nothing else comes off it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.queue.codec import Undecodable, decode, encode
from holdfast.shared.writes.commands import CreateUser, DeleteUser, UpdateUser, Write

_ID = "0198c0de-0000-7000-8000-000000000001"
_text = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=200)
_commands = st.one_of(
    st.builds(CreateUser, name=_text, email=st.just("ada@example.com")),
    st.builds(UpdateUser, name=_text),
    st.just(DeleteUser()),
)
_versions = st.integers(1, 2**53 - 1)
_several = st.lists(_versions, max_size=3).map(tuple)
_writes = st.builds(
    Write,
    operation_id=st.just(_ID),
    user_id=st.just(_ID),
    command=_commands,
    version=_versions,
    after=st.none() | st.just(_ID),
    if_match=_several,
    if_none_match=st.just("*") | _several,
    body_hash=st.sampled_from(["", "a" * 64]),
    request_id=st.sampled_from(["", "req_1"]),
    traceparent=st.just(""),
    expires_at=st.none() | _versions,
    notify=st.sampled_from(["", "{holdfast}:notify:api-1"]),
    replay=st.sampled_from(["", "7"]),
)


def raw(write: Write) -> dict[bytes, bytes]:
    """As Redis returns it."""
    return {name.encode(): value.encode() for name, value in encode(write).items()}


@given(write=_writes)
def test_there_and_back(write: Write) -> None:
    """Decoding an encoded write gives the write."""
    assert decode(raw(write)) == write


_GOOD = raw(Write(_ID, _ID, CreateUser(name="Ada", email="ada@example.com"), 1))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"schema", b"2"),
        (b"command", b"DropTable"),
        (b"operation_id", b"x" * 37),
        (b"operation_id", b""),
        (b"user_id", b"\xff"),
        (b"version", b"-1"),
        (b"version", b"9" * 17),
        (b"version", b"\xd9\xa3"),
        (b"payload", b"not json"),
        (b"payload", b'{"name": ""}'),
        (b"payload", b'{"name": "Ada", "email": "ada@example.com", "role": "admin"}'),
    ],
)
def test_what_is_no_write_is_undecodable(field: bytes, value: bytes) -> None:
    """Each wrong field alone makes the entry undecodable, and the message never tells the payload."""
    with pytest.raises(Undecodable) as caught:
        decode(_GOOD | {field: value})
    assert "ada@example.com" not in str(caught.value)


@given(fields=st.dictionaries(st.binary(max_size=12) | st.sampled_from(list(_GOOD)), st.binary(max_size=40)))
def test_anything_at_all_is_a_write_or_undecodable(fields: dict[bytes, bytes]) -> None:
    """No bytes make the decoder fail in any other way."""
    try:
        decode(fields)
    except Undecodable:
        return
    assert fields[b"schema"] == b"1"
