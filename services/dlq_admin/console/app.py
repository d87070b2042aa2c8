"""The console, wired: its pages on the application that has the REST routes."""

import secrets
from dataclasses import dataclass

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.console import (
    alerts,
    audit,
    discards,
    edits,
    groups,
    home,
    letters,
    live,
    login,
    replays,
    requests,
    what_if,
    writers,
)
from holdfast.services.dlq_admin.console.assets import Assets
from holdfast.services.dlq_admin.console.desk import Desk
from holdfast.services.dlq_admin.console.guard import Guard
from holdfast.services.dlq_admin.console.links import Links
from holdfast.services.dlq_admin.console.logouts import Logouts
from holdfast.services.dlq_admin.console.render import Pages
from holdfast.services.dlq_admin.console.session import Sessions
from holdfast.shared.errors import NoSuchPath
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.keys import Keys


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """`secret` None: one of this process alone; its sessions end with it, and no other replica knows them."""

    secret: str | None
    session_s: float
    session_max_s: float
    runbook_base: str | None = None


def add_console(
    app: FastAPI, desk: Desk, keys: Keys, logouts: Logouts, addresses: Addresses, settings: ConsoleSettings
) -> None:
    """Everything under `/console`, and a way there."""
    assets = Assets()
    pages = Pages(assets, alerts.strip(desk.alerts, Links(settings.runbook_base, desk.pictures.dashboards)))
    secret = settings.secret.encode() if settings.secret else secrets.token_bytes(32)
    sessions = Sessions(secret, settings.session_s, settings.session_max_s)
    guard = Guard(keys, sessions, logouts, pages)
    router = APIRouter(route_class=guard.route_class(), include_in_schema=False)

    @app.get("/", include_in_schema=False)
    async def to_console(_: Request) -> Response:
        return RedirectResponse("/console", 307)

    @router.get("/console/static/{digest}/{name}")
    async def static(digest: str, name: str) -> Response:
        return assets.answer(digest, name)

    login.add_routes(router, pages, guard, keys, sessions, logouts, addresses)
    for each in (home, live, groups, letters, what_if, edits, replays, discards, audit, requests, alerts, writers):
        each.add_routes(router, pages, desk)

    @router.get("/console/{rest:path}")
    async def nothing(rest: str) -> Response:
        raise NoSuchPath()

    app.router.routes.extend(router.routes)  # as they are: each has its guard
