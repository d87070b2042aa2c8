"""No response outlives its request, and the edge changes no list that it was given."""

from collections import Counter
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from tests.apps import SERVICES, client_of, make, paths
from tests.keys import OPERATOR, bearer

_MANY = 1000


@pytest.mark.parametrize("service", SERVICES)
async def test_headers_of_a_route_do_not_grow(service: str, tmp_path: Path) -> None:
    """Every GET route that is called repeatedly answers with each header once, and with the id of the current
    request."""
    app = make(service, tmp_path)
    key = {} if service == "writer" else bearer(OPERATOR)
    async with client_of(app, **key) as client:
        for path in paths(app, "GET"):
            for turn in range(3):
                answer = await client.get(path, headers={"X-Request-ID": f"request-{turn}"})
                names = Counter(name.lower() for name, _ in answer.headers.raw)
                assert {name: count for name, count in names.items() if count > 1} == {}, path
                assert answer.headers["x-request-id"] == f"request-{turn}", path
                assert answer.status_code not in (401, 403), path


async def test_the_docs_page_stays_as_it_is(tmp_path: Path) -> None:
    """The docs page has headers of the same size for the thousandth caller as for the first."""
    async with client_of(make("api", tmp_path)) as client:
        sizes = {len(repr((await client.get("/docs")).headers.raw)) for _ in range(_MANY)}
    assert max(sizes) - min(sizes) < 50, sizes  # the remaining rate limit varies in its number of digits


async def test_a_response_that_is_shared_all_the_same_is_safe() -> None:
    """A response object that a handler shares between requests does not change, because the edge makes a list of
    headers of its own."""
    shared = Response(b"{}")
    app = service_app(Health("test"), title="t", description="d", version="0")

    @app.get("/shared")
    async def answer(_: Request) -> Response:
        return shared

    before = list(shared.raw_headers)
    async with client_of(app) as client:
        answers = [await client.get("/shared") for _ in range(_MANY)]
    assert {(one.status_code, len(one.headers.get_list("x-request-id"))) for one in answers} == {(200, 1)}
    assert shared.raw_headers == before
