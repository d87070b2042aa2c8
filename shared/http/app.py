"""The FastAPI application that every service starts from: edge, envelope, health, metrics."""

import inspect
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared.errors import (
    AppError,
    BodyTooLarge,
    InvalidParameter,
    MalformedJson,
    MethodNotAllowed,
    NoSuchPath,
)
from holdfast.shared.http.conditional import Conditional
from holdfast.shared.http.cors import Cors
from holdfast.shared.http.edge import Edge
from holdfast.shared.http.envelope import failure
from holdfast.shared.http.explain.explanations import Explanations
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.health import Health
from holdfast.shared.http.identify import Identify, Needs
from holdfast.shared.http.keys import Keys
from holdfast.shared.http.methods import HeadAsGet, Options, allowed
from holdfast.shared.http.scrape import Scraper
from holdfast.shared.http.traced import Traced
from holdfast.shared.telemetry.tracing import spans

_TIMEOUT_S = 10.0


class DirectRoute(APIRoute):
    """A route whose handler takes the request and returns the response: documented like any other, and without
    the work that FastAPI does to find arguments and shape results. A handler with more parameters gets all of it.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's own extension point."""
        if [each.annotation for each in inspect.signature(self.endpoint).parameters.values()] == [Request]:
            return self.endpoint
        return super().get_route_handler()


def service_app(
    health: Health,
    *,
    title: str,
    description: str,
    version: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
    add_routes: Callable[[FastAPI], None] = lambda _: None,
    timeout_s: float = _TIMEOUT_S,
    wait_max_s: float = 0,
    cors_origins: frozenset[str] = frozenset(),
    keys: Keys | None = None,
    addresses: Addresses | None = None,
    metrics_port: int | None = None,
    explanations: Explanations | None = None,
    needs: Needs = lambda _method, _path: None,
    before_scrape: Callable[[], object] = lambda: None,
    before_keys: Sequence[Middleware] = (),
    after_keys: Sequence[Middleware] = (),
) -> FastAPI:
    """An application that answers everything in the envelope, errors included, each within `timeout_s`; a write may add
    up to `wait_max_s` by its preference. Pages of `cors_origins` may use it from a browser.

    `needs` names the scope that a method and path ask of a key; handlers may `require` more. Without `keys` nobody
    has any; `addresses` sees through our own proxies. `metrics_port`: metrics are told only to who connects to that
    port. `before_scrape` brings up to date what only a look at it brings up to date.
    `before_keys` and `after_keys` see a request before and after it is known who asks, the first one first;
    an AppError that they raise is the answer.
    """
    app = FastAPI(
        title=title,
        description=description,
        version=version,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # shared/http/docs.py
        redoc_url=None,
        # Looked up anew on every request when left on; ours are in shared/telemetry/metrics.py.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = DirectRoute
    identify = Middleware(Identify, keys or Keys(None, open_to_all=True), needs, addresses or Addresses())
    traced = [] if spans.collector is None else [Middleware(Traced)]
    cors = Cors(cors_origins)
    edge = Middleware(Edge, timeout_s, explanations, wait_max_s=wait_max_s, cors=cors)
    outer = [Middleware(HeadAsGet), *traced, edge, Middleware(Options, cors)]
    for each in reversed([*outer, *before_keys, identify, *after_keys, Middleware(Conditional)]):
        app.add_middleware(each.cls, *each.args, **each.kwargs)  # the last to be added is the outermost
    app.add_exception_handler(AppError, _app_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    add_routes(app)  # before the rest: routes are tried in order
    health.add_routes(app)
    scraper = Scraper(before_scrape)

    @app.get(
        "/metrics",
        tags=["health"],
        summary="Prometheus metrics",
        response_class=Response,
        include_in_schema=metrics_port is None,  # the document is about the port that it is read at
    )
    async def metrics(request: Request) -> Response:
        if metrics_port is not None and request.scope["server"][1] != metrics_port:
            raise NoSuchPath()
        text, media_type = await scraper(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    return app


async def _app_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)  # noqa: S101 - Starlette's signature is wider than its promise
    return failure(error, request)


async def _http_error(request: Request, error: Exception) -> Response:
    """What Starlette and FastAPI raise themselves."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    match error.status_code:
        case 404:
            return failure(NoSuchPath(details={"path": request.url.path[:200]}), request)
        case 405:
            return failure(MethodNotAllowed(), request, {"Allow": ", ".join(allowed(request.scope))})
        case 413:
            return failure(BodyTooLarge(), request)
        case 400:
            return failure(MalformedJson("The request is malformed."), request)
        case _:
            raise error


async def _invalid(request: Request, error: Exception) -> Response:
    """A path or query parameter of the wrong form."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    errors = [
        {
            "field": str(one["loc"][-1]),
            "value": str(one.get("input"))[:100] if isinstance(one.get("input"), str | int | float) else None,
            "constraint": one["msg"],
        }
        for one in error.errors()
    ]
    details = errors[0] | ({"errors": errors} if len(errors) > 1 else {})
    return failure(InvalidParameter(details=details), request)
