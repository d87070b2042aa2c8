"""Methods: answers HEAD like a GET without its body. OPTIONS, and a method that a path does not have, are answered with
the methods that the path has."""

from collections.abc import Awaitable, Iterable

from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.shared.errors import NoSuchPath
from holdfast.shared.http.cors import Cors


class HeadAsGet:
    """ASGI middleware, the outermost, so that permissions, limits, deadlines and the answer's headers are those of a
    GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            # A copy of the scope, because the server still has to know that no body follows the headers.
            scope = {**scope, "method": "GET", "head": True}
            send = _without_body(send)
        return self._app(scope, receive, send)


class Options:
    """ASGI middleware. Answers OPTIONS for every path and without a key: the methods are in the public document too.
    Raises NoSuchPath, which the edge answers."""

    def __init__(self, app: ASGIApp, cors: Cors) -> None:
        self._app = app
        self._cors = cors

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "OPTIONS":
            return self._app(scope, receive, send)
        methods = ", ".join(allowed(scope))
        if not methods:
            raise NoSuchPath(details={"path": scope["path"][:200]})
        headers = {"Allow": methods} | self._cors.of_a_preflight(scope["headers"], methods)
        return Response(status_code=204, headers=headers)(scope, receive, send)


def allowed(scope: Scope) -> list[str]:
    """Return the methods of a request's path, sorted; empty if there is no such path. `*` stands for every path."""
    found: set[str] = set()
    routes: Iterable[BaseRoute] = scope["app"].routes
    for route in routes:
        match, child = route.matches(scope)
        if match is not Match.NONE or scope["path"] == "*":
            found |= getattr(route, "methods", None) or set()
            if "route" in child:
                scope.setdefault("route", child["route"])  # for the metrics
    if "GET" in found:
        found.add("HEAD")
    return sorted(found | {"OPTIONS"}) if found else []


def _without_body(send: Send) -> Send:
    async def send_head(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return send_head
