"""Identify: sets `scope["principal"]` from the request's key (None: no key), and refuses requests that it may not
make."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.shared.errors import NotAllowed, NotAuthenticated, RateLimited
from holdfast.shared.http.envelope import failure
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.keys import Keys, Principal, require
from holdfast.shared.http.wrong_keys import WrongKeyLimit

#: From method and path to the scope that a key needs; None: no key is needed.
Needs = Callable[[str, str], str | None]


class Identify:
    """ASGI middleware. A key that is sent has to be valid even if none is needed. An address that sends many wrong keys
    has to wait; a valid key from that address is accepted all the same, as others may share it."""

    def __init__(self, app: ASGIApp, keys: Keys, needs: Needs, addresses: Addresses) -> None:
        self._app = app
        self._keys = keys
        self._needs = needs
        self._addresses = addresses
        self._tries = WrongKeyLimit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            try:
                scope["principal"] = self._who(scope)
                needed = self._needs(scope["method"], scope["path"])
                if needed is not None:
                    require(Request(scope), needed)
            except (NotAuthenticated, NotAllowed, RateLimited) as error:
                await failure(error, Request(scope))(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _who(self, scope: Scope) -> Principal | None:
        try:
            return self._keys.who(dict(scope["headers"]))
        except NotAuthenticated:
            if wait_s := self._tries.wrong(self._addresses.of(scope), time.monotonic()):
                raise RateLimited("Too many wrong keys from this address.", retry_after_s=wait_s) from None
            raise
