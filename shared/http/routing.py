"""Routing: routes whose handlers take the request and return the response, found by method and the form of the path."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.shared.http import query
from holdfast.shared.http.open_paths import OPEN_PATHS

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectRoute(APIRoute):
    """A route whose handler takes the request and returns the response. It is documented as usual, but runs without
    FastAPI's processing of arguments and results. So does a handler that also takes query parameters, if the query is a
    usual one (`query.arguments`); FastAPI runs all other handlers. A route of the document refuses query parameters
    that it does not declare; routes for supervisors answer whatever the query is."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Whether `app` needs nothing that FastAPI sets up for a request.
        self.direct = self._takes_the_request()
        if self.direct:
            self.app = _as_app(self.get_route_handler())
        #: Makes the arguments of a handler that takes nothing else from FastAPI; None for any other handler.
        self.arguments = query.arguments(self.dependant) if self._needs_arguments_only() else None

    def get_route_handler(self) -> Handler:
        """Return the handler with its checks. This is FastAPI's extension point."""
        handler: Handler = self.endpoint if self._takes_the_request() else super().get_route_handler()
        if not self.include_in_schema or self.path in OPEN_PATHS:
            return handler
        known, of_the_path = query.declared(self.dependant), query.of_the_path(self.dependant)

        async def checked(request: Request) -> Response:
            if sent := request.scope["query_string"]:
                query.check(sent, known)
            if of_the_path:
                query.check_numbers(((name, request.path_params[name]) for name in of_the_path), of_the_path)
            return await handler(request)

        return checked

    def _takes_the_request(self) -> bool:
        return [each.annotation for each in inspect.signature(self.endpoint).parameters.values()] == [Request]

    def _needs_arguments_only(self) -> bool:
        """Return whether the handler needs only arguments. A subclass that wraps its handlers (a guard) goes through
        FastAPI, which calls its `get_route_handler`."""
        own = type(self).get_route_handler is DirectRoute.get_route_handler
        return own and not self.direct and self._returns_the_response()

    def _returns_the_response(self) -> bool:
        returned = inspect.signature(self.endpoint).return_annotation
        return inspect.iscoroutinefunction(self.endpoint) and returned is Response

    async def with_arguments(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the handler with the arguments in the scope, as an ASGI app."""
        response = await self.endpoint(request=Request(scope, receive, send), **scope["arguments"])
        await response(scope, receive, send)


def _as_app(handler: Handler) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handler(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


class Application(FastAPI):
    """FastAPI for an edge that answers every exception itself. Only our own middleware is around the routes."""

    by_form: "Router | None" = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, or the lifespan of the process. FastAPI's own telemetry, which would hook in here, is
        off."""
        if scope["type"] != "http" or self.middleware_stack is None:
            await super().__call__(scope, receive, send)
            return
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        """Build the middleware around the router. Starlette's extension point, called once after all routes are
        added."""
        self.by_form = Router(self.router, self.routes)
        app: ASGIApp = self.by_form
        for each in reversed(self.user_middleware):
            app = each.cls(app, *each.args, **each.kwargs)
        return app


def would_be_routed(scope: Mapping[str, Any]) -> Route | None:
    """Return the route that a request would have reached, or None if it is not known."""
    app = scope.get("app")
    known = app.by_form if isinstance(app, Application) else None
    return known.route(scope["method"], scope["path"]) if known else None


class _Form(NamedTuple):
    """The form of a path whose first segment is literal. A segment None stands for a parameter."""

    segments: tuple[str | None, ...]
    #: The names of its parameters, and their positions.
    parameters: tuple[tuple[int, str], ...]

    def matches(self, segments: list[str]) -> bool:
        for known, found in zip(self.segments, segments, strict=True):
            if not found if known is None else found != known:
                return False
        return True


_Key = tuple[str, str, int]


class Router:
    """An ASGI app. The routes of one method, first segment and number of segments are tried in the order of their
    declaration. FastAPI handles everything else: other kinds of routes, 404 and 405."""

    def __init__(self, other: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._other = AsyncExitStackMiddleware(other)
        self._known: dict[_Key, list[tuple[_Form, Route]]] = {}
        for route in routes:
            form = _form_of(route) if type(route).matches in (Route.matches, APIRoute.matches) else None
            if not isinstance(route, Route) or form is None:
                break  # it may match the paths of any routes after it
            for method in route.methods or ():
                key = (method, form.segments[0] or "", len(form.segments))
                self._known.setdefault(key, []).append((form, route))

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        app = self._find(scope) if scope["type"] == "http" else None
        return (app or self._other)(scope, receive, send)

    def route(self, method: str, path: str) -> Route | None:
        """Return the route that answers this method and path, or None if only FastAPI can find it."""
        found = self._known_as(method, path[1:].split("/"))
        return found[1] if found else None

    def _find(self, scope: Scope) -> ASGIApp | None:
        """Return the app that answers if it needs nothing from FastAPI, and enter its route into the scope."""
        segments = scope["path"][1:].split("/")
        found = self._known_as(scope["method"], segments)
        if found is None:
            return None
        form, route = found
        if not isinstance(route, DirectRoute) or scope["root_path"] or not self._takes(route, scope):
            return None
        scope["route"], scope["endpoint"] = route, route.endpoint
        scope["path_params"] = {name: segments[at] for at, name in form.parameters}
        return route.app if route.direct else route.with_arguments

    def _known_as(self, method: str, segments: list[str]) -> tuple[_Form, Route] | None:
        for known in self._known.get((method, segments[0], len(segments)), ()):
            if known[0].matches(segments):
                return known
        return None

    @staticmethod
    def _takes(route: DirectRoute, scope: Scope) -> bool:
        if route.direct or route.arguments is None:
            return route.direct
        scope["arguments"] = route.arguments(scope["query_string"])
        return scope["arguments"] is not None


def _form_of(route: BaseRoute) -> _Form | None:
    """Return the form of a route's path, or None if its paths cannot be distinguished by their segments."""
    if not isinstance(route, Route):
        return None
    segments = route.path[1:].split("/")
    names = [each[1:-1] if each.startswith("{") and each.endswith("}") else None for each in segments]
    literal = [each for each, name in zip(segments, names, strict=True) if name is None]
    if names[0] is not None or any("{" in each for each in literal) or any(":" in name for name in names if name):
        return None
    return _Form(
        tuple(each if name is None else None for each, name in zip(segments, names, strict=True)),
        tuple((at, name) for at, name in enumerate(names) if name is not None),
    )
