"""Responses: what an answer means to the history, by the examples of the documented contract."""

import json
from typing import Any

import pytest

from tests.promises.history import End, Fail, Ok, Shown, Unknown
from tests.promises.responses import end_of

_USER = {"id": "u", "name": "Ann", "email": "ann@example.com", "created_at": "…", "updated_at": "…", "version": 7}
_QUEUED = {"success": True, "data": {"id": "u", "operation_id": "o", "status": "queued"}, "meta": {"version": 7}}
_APPLIED = {"success": True, "data": {**_USER, "operation_id": "o", "status": "applied"}, "meta": {"way": "direct"}}
_OVER = {"success": True, "data": {"id": "o", "status": "rejected", "done": True}, "meta": {}}
_OPEN = {"success": False, "error": {"code": "CIRCUIT_BREAKER_OPEN"}, "data": _USER, "meta": {}}
_SHOWN = (Shown("u", 7, {"name": "Ann", "email": "ann@example.com"}),)


def _error(code: str, *, definite: bool, **more: Any) -> dict[str, Any]:
    return {"success": False, "error": {"code": code, "definite": definite, "retryable": True, **more}}


@pytest.mark.parametrize(
    ("method", "status", "headers", "body", "expected"),
    [
        ("POST", 202, {}, _QUEUED, Ok(2, 1, 202, "o", "u", 7, "queued")),
        ("POST", 202, {"idempotent-replayed": "true"}, _QUEUED, Ok(2, 1, 202, "o", "u", 7, "queued", repeated=True)),
        ("POST", 201, {"x-degraded": "x"}, _APPLIED, Ok(2, 1, 201, "o", "u", 0, "applied", degraded=True)),
        ("GET", 200, {}, {"success": True, "data": _USER, "meta": {"pending": True}},
         Ok(2, 1, 200, shown=_SHOWN, pending=True)),
        ("GET", 200, {}, {"success": True, "data": [_USER], "meta": {}}, Ok(2, 1, 200, shown=_SHOWN)),
        ("GET", 200, {"x-degraded": "stale", "age": "5"}, _OPEN, Ok(2, 1, 200, shown=_SHOWN, age_s=5, degraded=True)),
        ("GET", 200, {"x-degraded": "stale", "age": "5"}, {"success": True, "data": _USER, "meta": {"age_s": 5.25}},
         Ok(2, 1, 200, shown=_SHOWN, age_s=5.25, degraded=True)),
        ("GET", 200, {}, _OVER, Ok(2, 1, 200, operation_id="o", state="rejected")),
        ("GET", 304, {}, None, Ok(2, 1, 304)),
        ("POST", 503, {}, _error("WRITES_UNAVAILABLE", definite=True), Fail(2, 1, 503, "WRITES_UNAVAILABLE", "", True)),
        ("POST", 503, {}, _error("ACCEPTANCE_UNKNOWN", definite=False, details={"operation_id": "o"}),
         Unknown(2, 1, "ACCEPTANCE_UNKNOWN", 503, "o")),
        ("POST", 502, {}, {"error": "bad gateway"}, Unknown(2, 1, "NOT_AN_ENVELOPE", 502)),
        ("GET", 200, {}, [1], Unknown(2, 1, "NOT_AN_ENVELOPE", 200)),
    ],
)  # fmt: skip
def test_an_answer_is_the_event_that_it_is(
    method: str, status: int, headers: dict[str, str], body: object, expected: End
) -> None:
    """Each answer to a write, read or operation request, each copy and each error becomes the event that the contract
    gives it."""
    raw = b"" if body is None else json.dumps(body).encode()
    assert end_of(1, 2, method, status, headers, raw) == expected


def test_what_is_not_json_leaves_everything_open() -> None:
    """An answer that is not JSON, such as half an answer or a proxy's page, leaves the outcome unknown."""
    assert end_of(1, 2, "POST", 200, {}, b'{"success": tr') == Unknown(2, 1, "NOT_AN_ENVELOPE", 200)
