"""Identify: puts who asks into `scope["principal"]` (None: nobody we know), and turns away who may not ask this."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.errors import NotAllowed, NotAuthenticated
from shared.http.envelope import failure
from shared.http.keys import Keys, require

#: From method and path to the scope that they ask for; None: anybody's.
Needs = Callable[[str, str], str | None]


class Identify:
    """ASGI middleware. A key that is sent has to be right, also where none is needed."""

    def __init__(self, app: ASGIApp, keys: Keys, needs: Needs) -> None:
        self._app = app
        self._keys = keys
        self._needs = needs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            try:
                scope["principal"] = self._keys.who(dict(scope["headers"]))
                needed = self._needs(scope["method"], scope["path"])
                if needed is not None:
                    require(Request(scope), needed)
            except (NotAuthenticated, NotAllowed) as error:
                await failure(error, Request(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)
