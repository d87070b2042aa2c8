"""Routing: whatever the routes and the path, the handler is the one that FastAPI would have called."""

from typing import Annotated

import httpx
from fastapi import FastAPI, Query
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from holdfast.shared.http.routing import DirectRoute, Handler
from tests.apps import client_of

_SEGMENTS = ("users", "orders", "{id}", "{other}", "{rest:path}")
_PATHS = st.lists(st.sampled_from(_SEGMENTS), min_size=1, max_size=3, unique=True).map(
    lambda each: "/" + "/".join(each)
)
_ROUTES = st.lists(st.tuples(st.sampled_from(["GET", "PUT"]), _PATHS, st.booleans()), max_size=6)
_ASKED = st.lists(st.sampled_from(["users", "orders", "7", "", "a%20b", "%0A"]), min_size=1, max_size=4)


def _add(app: FastAPI, number: int, method: str, path: str, *, direct: bool) -> None:
    """Add a route whose answer has its number and its parameters."""

    async def handler(request: Request) -> Response:
        return Response(f"{number} {sorted(request.path_params.items())}")

    async def with_arguments(request: Request, limit: int = 0) -> Response:
        return Response(f"{number} {sorted(request.path_params.items())} {limit}")

    endpoint = handler if direct else with_arguments
    app.add_api_route(path, endpoint, methods=[method], include_in_schema=False)


@settings(max_examples=60)
@given(_ROUTES, st.sampled_from(["GET", "PUT", "POST"]), _ASKED)
async def test_the_same_route_answers(routes: list[tuple[str, str, bool]], method: str, asked: list[str]) -> None:
    """The route that answers is the one that FastAPI would choose, for literal segments, parameters and paths of any
    length in any order, and for 404 and 405 too."""
    ours = service_app(Health("test"), title="t", description="d", version="0")
    theirs = FastAPI(redirect_slashes=False)
    for number, (of, path, direct) in enumerate(routes):
        _add(ours, number, of, path, direct=direct)
        _add(theirs, number, of, path, direct=direct)
    path = "/" + "/".join(asked)
    assume(not path.startswith("//"))  # the client would take it for a host
    async with client_of(ours) as one, client_of(theirs) as other:
        answer, wanted = await one.request(method, path), await other.request(method, path)
    assert answer.status_code == wanted.status_code, path
    if wanted.status_code == httpx.codes.OK:
        assert answer.text == wanted.text, path


def test_a_handler_with_arguments_is_no_direct_one() -> None:
    """A handler with arguments is not called directly, because FastAPI determines its arguments."""
    app = service_app(Health("test"), title="t", description="d", version="0")
    _add(app, 0, "GET", "/users", direct=True)
    _add(app, 1, "GET", "/users/{id}", direct=False)
    found = {route.path: route.direct for route in app.routes if isinstance(route, DirectRoute)}
    assert (found["/users"], found["/users/{id}"]) == (True, False)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(["limit=7", "limit=", "limit=x", "limit=300", "name=a", "name=", "name", "x=1"])))
async def test_arguments_are_those_that_fastapi_would_find(sent: list[str]) -> None:
    """Query arguments are those that FastAPI would find, whether present, missing, empty, out of range, not a number,
    repeated or unknown."""

    async def handler(request: Request, limit: Annotated[int, Query(le=200)] = 50, name: str | None = None) -> Response:
        return Response(f"{limit} {name} {request.scope['query_string']}")

    ours, theirs = service_app(Health("test"), title="t", description="d", version="0"), FastAPI()
    for app in (ours, theirs):
        app.add_api_route("/users", handler, methods=["GET"], include_in_schema=False)
    assert all(route.arguments for route in ours.routes if isinstance(route, DirectRoute) and route.path == "/users")
    async with client_of(ours) as one, client_of(theirs) as other:
        answer, wanted = [await each.get("/users?" + "&".join(sent)) for each in (one, other)]
    assert answer.status_code == wanted.status_code
    if wanted.status_code == httpx.codes.OK:
        assert answer.text == wanted.text


async def test_a_route_class_that_guards_its_handlers_guards_all_of_them() -> None:
    """A route class that guards its handlers guards all of them, with or without arguments."""

    class Guarded(DirectRoute):
        def get_route_handler(self) -> Handler:
            async def refused(request: Request) -> Response:
                return Response("no", 401)

            return refused

    app = service_app(Health("test"), title="t", description="d", version="0")
    app.router.route_class = Guarded
    for number, direct in enumerate((True, False)):
        _add(app, number, "GET", f"/users/{number}", direct=direct)
    async with client_of(app) as client:
        for path in ("/users/0", "/users/1", "/users/1?limit=3"):
            assert (await client.get(path)).status_code == 401, path
