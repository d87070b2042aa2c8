"""Login pages: exchange a key for a session, and log out."""

import asyncio
import time
from urllib.parse import urlsplit

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.console.forms import form_of
from holdfast.services.dlq_admin.console.login.guard import COOKIE, Guard
from holdfast.services.dlq_admin.console.login.logouts import Logouts
from holdfast.services.dlq_admin.console.login.session import Sessions
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.shared.errors import NotAuthenticated
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.identify import WrongKeyLimit
from holdfast.shared.http.keys import VIEW, Keys
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_HOME = "/console"
_WRONG_S = 0.3


def add_routes(
    router: APIRouter,
    pages: Pages,
    guard: Guard,
    keys: Keys,
    sessions: Sessions,
    logouts: Logouts,
    addresses: Addresses,
) -> None:
    """Add the login and the log-out."""
    tries = WrongKeyLimit()

    @router.get("/console/login")
    async def ask_for_key(request: Request) -> Response:
        to = _inside(request.query_params.get("to", ""))
        over = "over" in request.query_params
        return pages.page(request, "login.html", to=to, kept=[], problem=None, over=over)

    @router.post("/console/login")
    async def log_in(request: Request) -> Response:
        form = form_of(request)
        to, kept = _inside(form["to"]), form.kept()
        key = form["key"]
        try:
            holder = keys.who({b"x-api-key": key.encode()})
        except NotAuthenticated:
            holder = None
        if holder is None or not holder.may(VIEW):
            address = addresses.of(request.scope)
            if wait_s := tries.wrong(address, time.monotonic()):
                problem = f"Too many wrong keys from your address. Try again in {wait_s} s."
                response = pages.page(request, "login.html", 429, to=to, kept=kept, problem=problem, over=False)
                response.headers["Retry-After"] = str(wait_s)
                return response
            logs.warning(Action.LOGIN_REFUSED, address=address, request_id=request.scope["request_id"])
            await asyncio.sleep(_WRONG_S)
            problem = "This key may not see dead letters." if holder else "This key is not known."
            return pages.page(request, "login.html", 401, to=to, kept=kept, problem=problem, over=False)
        logs.info(Action.LOGGED_IN, name=holder.name, role=holder.role, request_id=request.scope["request_id"])
        session, cookie = sessions.begin(key, time.time())
        answer: Response = RedirectResponse(to, 303)
        if kept:  # an operator has to confirm it: another one may have logged in
            answer = pages.page(request, "kept.html", to=to, kept=kept, csrf=sessions.csrf(session))
        guard.remember(request, answer, session, cookie)
        return answer

    @router.post("/console/logout")
    async def log_out(request: Request) -> Response:
        await logouts.add(request.scope["console"].session)
        response = RedirectResponse("/console/login", 303)
        response.delete_cookie(COOKIE, path="/console", httponly=True, samesite="strict")
        return response


def _inside(to: str) -> str:
    """Return where to go after the login: `to` if it is a page of the console, else the home page."""
    parts = urlsplit(to)
    ours = not parts.scheme and not parts.netloc and (parts.path == _HOME or parts.path.startswith(f"{_HOME}/"))
    return to if ours and "\\" not in to and to.isprintable() else _HOME
