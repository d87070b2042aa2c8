"""The route of a request that was answered before it was routed: shed, or without a key."""

from collections.abc import Iterable

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.shared.errors import NotAuthenticated, Overloaded
from holdfast.shared.http.app import service_app
from holdfast.shared.http.failures.table import FailureTable
from holdfast.shared.http.health import Health


class Refusing:
    """Middleware that refuses every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request."""
        if scope["type"] == "http":
            raise NotAuthenticated() if scope["path"].endswith("/locked") else Overloaded()
        await self._app(scope, receive, send)


def full_app(failures: FailureTable) -> FastAPI:
    """Return a service that refuses every request, for want of room or of a key."""
    app = service_app(
        Health("test"), title="t", description="d", version="0", before_keys=[Middleware(Refusing)], failures=failures
    )

    @app.get("/things/{id}")
    async def thing(_: Request) -> Response:
        raise AssertionError("never")

    @app.get("/things/{id}/locked")
    async def locked(_: Request) -> Response:
        raise AssertionError("never")

    return app


def _routes(failures: FailureTable) -> Iterable[str]:
    return {kind.route for kind, _ in failures.groups()}


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/things/7", "/things/{id}"),
        ("/things/7/locked", "/things/{id}/locked"),
        ("/nothing/7", "unmatched"),
        ("/things%2F7", "unmatched"),
    ],
)
async def test_a_request_that_was_not_routed_has_its_route(path: str, route: str) -> None:
    """A request that is refused before routing has the template of its route in the table of failures, never an id. A
    path without a route is `unmatched`."""
    failures = FailureTable("build", lambda _: "anybody", b"secret")
    transport = httpx.ASGITransport(full_app(failures))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        await client.get(path)
    assert _routes(failures) == {route}


async def test_what_nobody_handled_is_no_sign_of_health() -> None:
    """A request with a refused key does not count for its route, because it would hide an outage among good answers; a
    request that was shed counts for its route."""
    failures = FailureTable("build", lambda _: "anybody", b"secret")
    transport = httpx.ASGITransport(full_app(failures))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        before = _counted("unmatched", "401"), _counted("/things/{id}", "503")
        assert (await client.get("/things/7/locked")).status_code == 401
        assert (await client.get("/things/7")).status_code == 503
    assert (_counted("unmatched", "401"), _counted("/things/{id}", "503")) == (before[0] + 1, before[1] + 1)


def _counted(route: str, status: str) -> float:
    labels = {"route": route, "method": "GET", "status": status}
    return REGISTRY.get_sample_value("holdfast_http_requests_total", labels) or 0.0
