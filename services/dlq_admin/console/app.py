"""App: adds the console's pages to the application that has the REST routes."""

import secrets

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.backend import Backend
from holdfast.services.dlq_admin.console.login import pages as login
from holdfast.services.dlq_admin.console.login.guard import Guard
from holdfast.services.dlq_admin.console.login.logouts import Logouts
from holdfast.services.dlq_admin.console.login.session import Sessions
from holdfast.services.dlq_admin.console.pages import (
    alerts,
    audit,
    breakers,
    discards,
    edits,
    epochs,
    failures,
    groups,
    home,
    letters,
    live,
    payload_search,
    replays,
    requests,
    runbooks,
    transforms,
    what_if,
    writers,
)
from holdfast.services.dlq_admin.console.render.assets import Assets
from holdfast.services.dlq_admin.console.render.links import Links
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.errors import NoSuchPath
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.keys import Keys

_PAGES = (
    home,
    live,
    groups,
    edits,
    letters,  # its paths also match those of edits
    payload_search,
    what_if,
    transforms,
    replays,
    discards,
    audit,
    requests,
    alerts,
    breakers,
    writers,
    failures,
    runbooks,
    epochs,
)


def add_console(
    app: FastAPI, backend: Backend, keys: Keys, logouts: Logouts, addresses: Addresses, settings: DlqAdminSettings
) -> None:
    """Add everything under `/console`, and a redirect to it. Without a session secret in the settings, sessions are
    signed with a random secret of this process."""
    assets = Assets()
    links = Links(settings.dlq_runbook_base, backend.pictures.dashboards, runbooks.names())
    pages = Pages(assets, alerts.strip(backend.alerts, links))
    secret = settings.dlq_session_secret
    sessions = Sessions(
        secret.get_secret_value().encode() if secret else secrets.token_bytes(32),
        settings.dlq_session_s,
        settings.dlq_session_max_s,
    )
    guard = Guard(keys, sessions, logouts, pages)
    router = APIRouter(route_class=guard.route_class(), include_in_schema=False)

    @app.get("/", include_in_schema=False)
    async def to_console(_: Request) -> Response:
        return RedirectResponse("/console", 307)

    @router.get("/console/static/{digest}/{name}")
    async def static(digest: str, name: str) -> Response:
        return assets.answer(digest, name)

    login.add_routes(router, pages, guard, keys, sessions, logouts, addresses)
    for each in _PAGES:
        each.add_routes(router, pages, backend)

    _lead_back(router)

    @router.get("/console/{rest:path}")
    async def nothing(rest: str) -> Response:
        raise NoSuchPath()

    app.router.routes.extend(router.routes)  # unchanged: each route keeps its guard


def _lead_back(router: APIRouter) -> None:
    """Let each address that only takes a form lead to the page that the form is on: a browser shows such an address
    after a refusal, and the login returns to it."""

    async def back(request: Request) -> Response:
        return RedirectResponse(request.url.path.rpartition("/")[0], 303)

    routes = [route for route in router.routes if isinstance(route, APIRoute)]
    pages = {route.path for route in routes if "GET" in (route.methods or ())}
    for path in sorted({route.path for route in routes} - pages):
        router.get(path)(back)
