"""App: creates the FastAPI application of every service: edge, envelope, health, metrics."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from holdfast.shared.errors import NoSuchPath
from holdfast.shared.http import openapi
from holdfast.shared.http.conditional import Conditional
from holdfast.shared.http.cors import Cors
from holdfast.shared.http.edge import Edge
from holdfast.shared.http.explain.explanations import Explanations
from holdfast.shared.http.failures.table import FailureTable
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.health import Health
from holdfast.shared.http.identify import Identify, Needs
from holdfast.shared.http.keys import Keys
from holdfast.shared.http.methods import HeadAsGet, Options
from holdfast.shared.http.routing import Application, DirectRoute
from holdfast.shared.http.scrape import Scraper
from holdfast.shared.http.traced import Traced
from holdfast.shared.telemetry.tracing import spans

_TIMEOUT_S = 10.0
_METRICS = {kind: {"schema": {"type": "string"}} for kind in ("text/plain", "application/openmetrics-text")}


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
    failures: FailureTable | None = None,
    needs: Needs = lambda _method, _path: None,
    before_scrape: Callable[[], object] = lambda: None,
    before_keys: Sequence[Middleware] = (),
    after_keys: Sequence[Middleware] = (),
) -> FastAPI:
    """Return an application that answers everything in the envelope, errors included, within `timeout_s`.

    `wait_max_s`: the time that a write may add with `Prefer: wait`. `cors_origins`: origins whose pages may use the
    application from a browser. `needs` returns the scope that a method and path require of a key; handlers may
    `require` more. Without `keys`, no request has one. `addresses` finds the client behind our own proxies.
    `metrics_port`: the only port that answers `/metrics`. `before_scrape` is called before metrics are read.
    `before_keys` and `after_keys`: middleware before and after the check of the key, the first one outermost; an
    AppError that it raises is the answer.
    """
    app = Application(
        title=title,
        description=description,
        version=version,
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,  # shared/http/docs.py
        redoc_url=None,
        generate_unique_id_function=openapi.operation_id,
        # FastAPI would evaluate these on every request; our telemetry is in shared/telemetry.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = DirectRoute
    identify = Middleware(Identify, keys or Keys(None, open_to_all=True), needs, addresses or Addresses())
    traced = [] if spans.collector is None else [Middleware(Traced)]
    cors = Cors(cors_origins)
    edge = Middleware(Edge, timeout_s, explanations, wait_max_s=wait_max_s, cors=cors, failures=failures)
    outer = [Middleware(HeadAsGet), *traced, edge, Middleware(Options, cors)]
    for each in reversed([*outer, *before_keys, identify, *after_keys, Middleware(Conditional)]):
        app.add_middleware(each.cls, *each.args, **each.kwargs)  # the middleware added last is the outermost
    add_routes(app)  # before the rest, because routes are tried in order
    health.add_routes(app)
    _add_metrics(app, before_scrape, metrics_port)
    openapi.complete(app, needs)
    return app


def _add_metrics(app: FastAPI, before_scrape: Callable[[], object], port: int | None) -> None:
    scraper = Scraper(before_scrape)

    @app.get(
        "/metrics",
        tags=["health"],
        summary="Read the Prometheus metrics",
        response_class=Response,
        responses={200: {"description": "The metrics, in the format that `Accept` asks for.", "content": _METRICS}},
        include_in_schema=port is None,  # the document describes the port that it is read from
    )
    async def get_metrics(request: Request) -> Response:
        if port is not None and request.scope["server"][1] != port:
            raise NoSuchPath()
        text, media_type = await scraper(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})
