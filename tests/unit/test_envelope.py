"""Envelope: one form for success, for errors and for answers from a copy."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from holdfast.shared import errors
from holdfast.shared.errors import AppError
from holdfast.shared.http.degraded import degraded
from holdfast.shared.http.envelope import failure, success
from tests.apps import SERVICES, client_of, make, paths
from tests.keys import ADMIN, bearer

_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
_REASONS = [errors.CircuitOpen, errors.DatabaseUnavailable, errors.Overloaded, errors.ProxyUnavailable]
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def _request(**headers: str) -> Request:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "request_id": "req_12345678", "headers": sent, "path": "/x", "method": "GET"})


@given(
    st.sampled_from(_REASONS),
    _JSON,
    st.none() | st.floats(1, 4e9),
    st.sampled_from(["*/*", "application/problem+json"]),
)
def test_an_answer_from_a_copy_has_one_form(
    reason: type[AppError], data: Any, as_of: float | None, accept: str
) -> None:
    """An answer from a copy has the copy in `data` and is marked as stale in `meta`, whichever error it replaces and
    whichever error form the caller accepts."""
    answer = degraded(_request(accept=accept), reason(), as_of, data, "cached_user", {"limit": 5})
    body = orjson.loads(answer.body)
    assert (answer.status_code, answer.media_type) == (200, "application/json")
    assert set(body) == {"success", "error", "fallback_data", "data", "meta"}
    assert (body["success"], body["data"], body["fallback_data"]["cached_user"]) == (False, data, data)
    assert body["error"]["fallback_available"] is True
    assert body["error"]["code"] == reason().code
    assert body["error"]["retry_after"] >= 1
    assert (body["meta"]["stale"], body["meta"]["limit"]) == (True, 5)
    assert (body["meta"]["age_s"] is None) == (body["fallback_data"]["cache_age"] is None) == (as_of is None)
    assert body["meta"]["request_id"] == body["error"]["request_id"] == "req_12345678"


@given(st.integers(0, 4 * 10**9 * 10**6).map(lambda us: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)))
def test_a_moment_ends_with_z(moment: datetime) -> None:
    """A timestamp ends with Z at any depth of the data."""
    body = orjson.loads(success(_request(), {"deep": [moment]}).body)
    assert body["data"]["deep"][0].endswith("Z")
    assert datetime.fromisoformat(body["data"]["deep"][0]) == moment


@pytest.mark.parametrize("service", SERVICES)
async def test_every_answer_has_its_request_id_and_moments_with_a_z(service: str, tmp_path: Path) -> None:
    """Every JSON answer of every service has its request id, in `meta` of a success and in `error` of a failure, and
    all its timestamps end with Z."""
    app = make(service, tmp_path)
    async with client_of(app, **({} if service == "writer" else bearer(ADMIN))) as client:
        for path in paths(app, "GET"):
            answer = await client.get(path)
            if answer.headers.get("content-type") != "application/json" or path == "/openapi.json":
                continue
            body = answer.json()
            assert (body["meta"] if body["success"] else body["error"])["request_id"] == answer.headers["x-request-id"]
            moments = [text for text in _texts(body) if _ISO.match(text)]
            assert [text for text in moments if not text.endswith("Z")] == [], path


@pytest.mark.parametrize(
    ("accept", "problem"),
    [
        ("Application/Problem+JSON", True),
        ("application/json, application/problem+json", True),
        ("text/html;level=1, application/problem+json; q=0.5;a=b, application/json;q=0.4", True),
        ("application/problem+json;q=0", False),
        ("application/problem+json; Q=0.1, application/json", False),
        ("application/problem+json;q=much", True),
        ("application/problem+jsonx", False),
        ("*/*", False),
        ("application/problem+json;q=0.5, */*", False),
        ("application/problem+json;q=0.5, application/*;q=0.9, */*;q=0.1", False),
        ("application/problem+json;q=0.5, application/json;q=0.4, */*", True),
        ("application/problem+json, */*", True),
    ],
)
def test_which_form_of_an_error_is_accepted(accept: str, problem: bool) -> None:
    """An error is a problem document if the Accept header names that type, in upper or lower case, unless it excludes
    the type or prefers the envelope."""
    answer = failure(errors.DatabaseUnavailable(), _request(accept=accept))
    assert (answer.media_type == "application/problem+json") is problem


def test_several_accept_headers_are_one_list() -> None:
    """Several Accept headers count like one with all their types."""
    request = _request(accept="text/html")
    request.scope["headers"].append((b"accept", b"application/problem+json"))
    assert failure(errors.DatabaseUnavailable(), request).media_type == "application/problem+json"


def test_an_error_is_a_problem_for_who_asks() -> None:
    """A caller that accepts problem documents gets an error without a fallback as an RFC 9457 problem document."""
    answer = failure(errors.DatabaseUnavailable(), _request(accept="application/problem+json"))
    assert (answer.status_code, answer.media_type) == (503, "application/problem+json")


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []
