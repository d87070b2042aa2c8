"""Identify: sets `scope["principal"]` from the request's key (None without a key), and refuses requests that the
principal may not make."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from math import ceil

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.shared.errors import NotAllowed, NotAuthenticated, RateLimited
from holdfast.shared.http.asked import combined
from holdfast.shared.http.envelope import failure
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.keys import Keys, Principal, allowed

_REMEMBERED = 10_000


class WrongKeyLimit:
    """A limit per address: `most` wrong keys at once, then one more every `refill_s` seconds."""

    def __init__(self, *, most: int = 10, refill_s: float = 30) -> None:
        self._most = most
        self._refill_s = refill_s
        #: Address -> the time when all of its wrong keys are forgiven.
        self._owed_until: OrderedDict[str, float] = OrderedDict()

    def wrong(self, address: str, now: float) -> int:
        """Count a wrong key. Return 0, or the seconds to wait if it was one too many. A key that is refused by this
        limit is not counted, so that retrying does not extend the wait."""
        owed_s = max(0.0, self._owed_until.get(address, now) - now)
        wait_s = max(0, ceil(owed_s - (self._most - 1) * self._refill_s))
        if not wait_s:
            self._owed_until[address] = now + owed_s + self._refill_s
            self._owed_until.move_to_end(address)
            while len(self._owed_until) > _REMEMBERED:
                self._owed_until.popitem(last=False)
        return wait_s


#: Returns the scope that a key needs for a method and path, or None if no key is needed.
Needs = Callable[[str, str], str | None]


class Identify:
    """ASGI middleware. A key that is sent has to be valid even if none is needed. An address that sends many wrong keys
    has to wait, but a valid key from that address is accepted all the same, because several clients may share it."""

    def __init__(self, app: ASGIApp, keys: Keys, needs: Needs, addresses: Addresses) -> None:
        self._app = app
        self._keys = keys
        self._needs = needs
        self._addresses = addresses
        self._tries = WrongKeyLimit()

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        if scope["type"] == "http":
            try:
                principal = scope["principal"] = self._who(scope)
                needed = self._needs(scope["method"], scope["path"])
                if needed is not None:
                    allowed(principal, needed)
            except (NotAuthenticated, NotAllowed, RateLimited) as error:
                return failure(error, Request(scope))(scope, receive, send)
        return self._app(scope, receive, send)

    def _who(self, scope: Scope) -> Principal | None:
        try:
            return self._keys.who(combined(scope))
        except NotAuthenticated:
            if wait_s := self._tries.wrong(self._addresses.of(scope), time.monotonic()):
                raise RateLimited("Too many wrong keys from this address.", retry_after_s=wait_s) from None
            raise
