"""Query parameters: one that a route does not declare, or that is given twice, is refused, on every route of every
document."""

import pathlib
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import pytest
from fastapi import Path, Query
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared.errors import InvalidParameter
from holdfast.shared.http import query
from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from holdfast.shared.http.open_paths import OPEN_PATHS
from tests.apps import SERVICES, client_of, make
from tests.keys import ADMIN, bearer

_NAMES = st.text("abcdefgh%&+=é", min_size=1, max_size=6)
_KNOWN = {
    "limit": query.Parameter(),
    "state": query.Parameter(is_list=True),
    "n": query.Parameter(is_whole_number=True),
}


def _reported(sent: bytes) -> dict[str, str]:
    """Return the constraint of each field that is reported."""
    try:
        query.check(sent, _KNOWN)
    except InvalidParameter as refused:
        details = refused.details or {}
        problems: list[dict[str, Any]] = details.get("errors", [details])
        return {each["field"]: each["constraint"] for each in problems}
    return {}


@given(st.lists(st.sampled_from(["limit=1", "limit=", "state=a", "state", "other=1", "%6cimit=2", "x"]), max_size=8))
def test_what_is_unknown_or_given_twice_is_named(parts: list[str]) -> None:
    """Each unknown or repeated parameter is reported once. A list parameter may be repeated, and escapes make no
    difference."""
    names = [part.partition("=")[0].replace("%6c", "l") for part in parts]
    unknown = {name for name in names if name not in _KNOWN}
    twice = {"limit"} if names.count("limit") > 1 else set()
    reported = _reported("&".join(parts).encode())
    assert set(reported) == unknown | twice
    assert all(("not a known" in constraint) == (name in unknown) for name, constraint in reported.items())


@pytest.mark.parametrize(("value", "taken"), [
    ("7", True), ("-7", True), ("007", True), ("+7", False), ("1_0", False), ("1.0", False), (" 7", False),
    ("7 ", False), ("1e1", False), ("\u0667", False), ("", False), ("--7", False), ("7\n", False),
])  # fmt: skip
async def test_a_whole_number_is_digits(value: str, taken: bool) -> None:
    """A whole number has only digits and perhaps a minus sign, in the query, in a list and in a path, whether FastAPI
    or Holdfast reads it."""
    assert ("n" in _reported(urlencode({"n": value}).encode())) is not taken
    app = service_app(Health("test"), title="t", description="d", version="0")

    @app.get("/ours")
    async def ours(request: Request, n: int | None = None) -> Response:
        return Response(str(n))

    @app.get("/theirs/{n}")
    async def theirs(
        request: Request, n: Annotated[int, Path()], m: Annotated[list[int] | None, Query()] = None
    ) -> Response:
        return Response(str(n))

    async with client_of(app) as client:
        wanted = (200, None) if taken else (422, "must be a whole number")
        for path, field in (("/ours?n={}", "n"), ("/theirs/{}", "n"), ("/theirs/1?m=1&m={}", "m")):
            if not value and field == "n" and "/{}" in path:
                continue  # an empty value makes another path
            answer = await client.get(path.format(quote(value, safe="")))
            details = answer.json()["error"]["details"] if answer.status_code == 422 else {}
            assert (answer.status_code, details.get("constraint")) == wanted, path


@given(st.binary(max_size=200))
def test_whatever_is_sent_is_passed_or_refused(sent: bytes) -> None:
    """Any query string is either accepted or refused with InvalidParameter."""
    _reported(sent)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_documented_route_refuses_what_it_does_not_declare(service: str, tmp_path: pathlib.Path) -> None:
    """Every documented route refuses an undeclared parameter with 422 and its name, before it checks anything else. The
    paths that supervisors call answer as usual."""
    app = make(service, tmp_path)
    async with client_of(app, **({} if service == "writer" else bearer(ADMIN))) as client:
        for path, operations in app.openapi()["paths"].items():
            for method in operations:
                answer = await client.request(method.upper(), path, params={"limt": "5"})
                if path in OPEN_PATHS:
                    assert answer.status_code != 422, (method, path)
                    continue
                error = answer.json()["error"]
                assert (answer.status_code, error["code"]) == (422, "INVALID_PARAMETER"), (method, path)
                assert error["details"]["field"] == "limt"
