"""Guard: checks every request before its page (login, scope, origin, form token), sets the security headers of every
answer, and shows errors as pages."""

import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from holdfast.services.dlq_admin.console.forms import read_form
from holdfast.services.dlq_admin.console.login.logouts import Logouts
from holdfast.services.dlq_admin.console.login.session import Session, Sessions
from holdfast.services.dlq_admin.console.render.pages import Pages
from holdfast.shared.errors import AppError, InvalidRequest, NotAllowed, NotAuthenticated, Unexpected
from holdfast.shared.http.envelope import route_of, status_of
from holdfast.shared.http.keys import OPERATE, VIEW, Keys, require
from holdfast.shared.http.routing import DirectRoute
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

COOKIE = "holdfast_session"
#: The header of requests by which a page renews itself.
RENEWAL = "x-renewal"
_SAFE = {"GET", "HEAD"}
_OPEN = ("/console/login", "/console/static/")
_ANY_ROLE = {"/console/logout", "/console/search"}
#: Pages that prepare a change or try it out. They change nothing themselves, so each can be opened by its address.
_PREPARING = {
    "/console/what-if",
    "/console/transforms",
    "/console/replays/new",
    "/console/discards",
    "/console/restores",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_OVER = "Your session is over. Nothing was done; log in, and you can send what you typed."
_HSTS = "max-age=31536000"

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class LoggedIn(NamedTuple):
    """The session of a request, and the token that its forms carry."""

    session: Session
    csrf: str


class Guard:
    """Wraps every route of the console."""

    def __init__(self, keys: Keys, sessions: Sessions, logouts: Logouts, pages: Pages) -> None:
        self._keys = keys
        self._sessions = sessions
        self._logouts = logouts
        self._pages = pages

    def route_class(self) -> type[APIRoute]:
        """Return the route class for a router."""
        guard = self

        class GuardedRoute(DirectRoute):
            """A route whose handler runs behind the guard."""

            def get_route_handler(self) -> Handler:
                inner = super().get_route_handler()

                async def handle(request: Request) -> Response:
                    return await guard.handle(request, inner)

                return handle

        return GuardedRoute

    async def handle(self, request: Request, inner: Handler) -> Response:
        """Handle one request."""
        request.scope["principal"] = None  # API keys in headers are for programs
        try:
            await self._admit(request)
            response = await inner(request)
        except NotAuthenticated as error:
            response = await self._to_login(request, error)
        except AppError as error:
            response = self._refused(request, error)
        except RequestValidationError as error:
            wrong = error.errors()[0]
            invalid = InvalidRequest(f"{wrong['loc'][-1]}: {wrong['msg']}")
            response = self._pages.error(request, invalid, status_of(invalid))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - answered like the edge answers it, but as a page
            metrics.panics.inc()
            logs.error(
                Action.PANIC_RECOVERED, exc=error, request_id=request.scope["request_id"], route=route_of(request.scope)
            )
            response = self._pages.error(request, Unexpected(), status_of(Unexpected))
        return self._sealed(request, response)

    async def _admit(self, request: Request) -> None:
        """Check the login, the origin, the scope and the form's token. Raises NotAuthenticated, NotAllowed,
        BodyTooLarge, InvalidRequest."""
        changes = request.method not in _SAFE
        if changes and not _same_origin(request):
            raise NotAllowed("This request was made by another site.")
        path = request.url.path
        if path.startswith(_OPEN):
            if changes:
                request.scope["form"] = await read_form(request)
            return
        session = self._sessions.read(request.cookies.get(COOKIE, ""), time.time())
        holder = self._keys.holder(session.key) if session else None
        if session is None or holder is None or await self._logouts.has(session):
            raise NotAuthenticated()
        request.scope["principal"] = holder
        csrf = self._sessions.csrf(session)
        request.scope["console"] = LoggedIn(session, csrf)
        looks = path not in _PREPARING if not changes else path in _ANY_ROLE
        require(request, VIEW if looks else OPERATE)
        if changes:
            form = request.scope["form"] = await read_form(request)
            if not self._sessions.is_csrf(session, form["csrf"]):
                request.scope["kept"] = form.typed()
                raise NotAllowed("This form belongs to another session. Reload its page.")

    def _refused(self, request: Request, error: AppError) -> Response:
        """Return an error page or, for our own form from an earlier session, a page from which it can be sent again."""
        kept = request.scope.get("kept")
        if not kept or not _says_where_from(request):
            return self._pages.error(request, error, status_of(error))
        return self._pages.page(request, "kept.html", status_of(error), to=request.url.path, kept=kept)

    async def _to_login(self, request: Request, error: NotAuthenticated) -> Response:
        if request.headers.get("sec-fetch-site") == "cross-site" and request.method in _SAFE:
            # A link from another site: the browser did not send the strict cookie. A request from our own page brings
            # it.
            return self._pages.page(request, "again.html", url=_here(request))
        if RENEWAL in request.headers:  # the page's script decides: a form may hold typed text
            return Response(status_code=status_of(error))
        if request.method == "GET":
            return RedirectResponse(f"/console/login?to={quote(_here(request), safe='')}", 303)
        try:
            kept = (await read_form(request)).typed()
        except AppError:
            kept = []
        if not kept or request.method in _SAFE:
            return RedirectResponse("/console/login", 303)
        about = {"to": request.url.path, "kept": kept, "problem": _OVER, "over": True}
        return self._pages.page(request, "login.html", status_of(error), **about)

    def _sealed(self, request: Request, response: Response) -> Response:
        response.headers.update(_HEADERS)
        response.headers["X-Build"] = self._pages.build
        if is_secure(request):
            response.headers["Strict-Transport-Security"] = _HSTS
        logged_in: LoggedIn | None = request.scope.get("console")
        visit = request.method == "GET" and RENEWAL not in request.headers
        if logged_in and visit and (later := self._sessions.prolonged(logged_in.session, time.time())):
            self.remember(request, response, *later)
        return response

    def remember(self, request: Request, response: Response, session: Session, cookie: str) -> None:
        """Set the session's cookie."""
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=max(1, session.ends_at - int(time.time())),
            path="/console",
            httponly=True,
            samesite="strict",
            secure=is_secure(request),
        )


def is_secure(request: Request) -> bool:
    """Return whether the browser uses TLS, with this service or a proxy. A false claim only makes the client's own
    cookie stricter."""
    return request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"


def _same_origin(request: Request) -> bool:
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def _says_where_from(request: Request) -> bool:
    """Return whether the request's headers name its origin. A request that names another origin has already been
    refused."""
    return request.headers.get("sec-fetch-site") == "same-origin" or "origin" in request.headers


def _here(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")
