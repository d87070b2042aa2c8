"""JSON from another system: accepted whole or not at all, and never changed."""

import json
import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from holdfast.shared.cache.last_good import Kept, _decoded, _encoded
from holdfast.shared.http.envelope import data_of, success
from holdfast.shared.http.json_bytes import DEPTH_MAX, TooDeep, parsed

_space = st.sampled_from(["", " ", "\n", "\t\r\n "])
_numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?", fullmatch=True)
_strings = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).flatmap(
    lambda text: st.sampled_from([json.dumps(text), json.dumps(text, ensure_ascii=False), '"\\u00e9\\/\\n"'])
)
_json = st.recursive(
    st.sampled_from(["true", "false", "null"]) | _numbers | _strings,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda many: f"[{' , '.join(many)}]")
        | st.lists(st.tuples(_strings | st.just('"meta"'), inner), max_size=4).map(
            lambda pairs: "{" + ",".join(f"{name} :{value}" for name, value in pairs) + "}"
        )
    ),
    max_leaves=12,
)
#: JSON as it may be sent: with any spelling of numbers and strings, and with repeated names.
_raw = st.builds(lambda before, text, after: (before + text + after).encode(), _space, _json, _space)


@given(_raw)
def test_what_is_json_goes_through_byte_for_byte(raw: bytes) -> None:
    """JSON stays the same, byte for byte, when it is put into the envelope, taken out of it, and stored as a kept
    copy."""
    parsed(raw, DEPTH_MAX)
    meta = {"source": "third_party", "fallback": {"used": False, "reason": ',"meta":'}}
    body = bytes(success(Request({"type": "http", "request_id": "r"}), orjson.Fragment(raw), meta=meta).body)
    assert data_of(body) == raw
    parsed(body, DEPTH_MAX + 4)
    kept = Kept(raw, time.time() - 1)
    assert _decoded(_encoded(kept)) == kept


@pytest.mark.parametrize("raw", [b"12345678901234567890", b"1e400", b"-1E+999999", b"9" * 5000, b"0.1" + b"0" * 5000,
                                 b'{"a": 1, "a": [1e999]}', b'{"id": 1, "id": 2}', b"-0", b"1.0",
                                 b'"\\u0000"'])  # fmt: skip
def test_what_the_grammar_allows_is_taken(raw: bytes) -> None:
    """Whatever the JSON grammar allows is accepted; huge numbers and repeated names are the sender's responsibility."""
    parsed(raw, DEPTH_MAX)


@pytest.mark.parametrize(
    "raw",
    [b"", b" ", b"NaN", b"[1e999, NaN]", b"[1e999, Infinity]", b"[-Infinity]", b"01", b"+1", b"1.", b".5", b"0x1",
     b"1_0", b"'a'", b'"\x01"', b'{"a": 1,}', b"[1,]", b"{} {}", b'\xef\xbb\xbf{}', b'\xef\xbb\xbf[1e999]', b'"\xff"',
     b'[1e999, "\xff"]', "{}".encode("utf-16"), '"\u00e9"'.encode("latin-1"), b'"\\ud800"', b'[1e999, "\\ud800"]',
     b'{"\\udc00": 1e999}', b"/**/1", b'"\\x41"', b"[" * 2000],
)  # fmt: skip
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    """Invalid JSON is refused, however similar to JSON it is, and whichever numbers stand beside the error."""
    with pytest.raises(ValueError):  # noqa: PT011 - orjson's, json's, or a decoder's: each is one
        parsed(raw, DEPTH_MAX)


@pytest.mark.parametrize("leaf", [b"1", b"1e999"])
def test_depth_has_an_end(leaf: bytes) -> None:
    """The limit of the depth is exact to the level, also around numbers that no double can hold."""
    parsed(b"[" * DEPTH_MAX + leaf + b"]" * DEPTH_MAX, DEPTH_MAX)
    parsed(b'{"a":' * DEPTH_MAX + leaf + b"}" * DEPTH_MAX, DEPTH_MAX)
    for depth in (DEPTH_MAX + 1, 1000):
        with pytest.raises(TooDeep):
            parsed(b"[" * depth + leaf + b"]" * depth, DEPTH_MAX)
    with pytest.raises(ValueError):  # noqa: PT011 - as above
        parsed(b"[" * 100_000 + leaf + b"]" * 100_000, DEPTH_MAX)


@pytest.mark.parametrize("value", [None, b"", "", b"[", b"[1]", b"[1,]", b"[,{}]", b"[nan,{}]", b"[inf,{}]", b"{}",
                                   b"[1,{}", b"1,{}]", b"[1,{}]]", b'["a",{}]', b"[1,{} ]x", b"\xff"])  # fmt: skip
def test_a_kept_copy_that_is_none_of_ours_is_none(value: bytes | str | None) -> None:
    """A kept copy that another program wrote, or that is incomplete, is decoded as None."""
    assert _decoded(value) is None
