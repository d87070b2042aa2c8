"""CORS: the headers that allow web pages of other origins to use a service from a browser. No origin may, unless a
setting names it.

These headers are on every answer, including the edge's own, so that a page can read a refusal too. Cookies are never
allowed: a key is sent in a header. Pure.
"""

from collections.abc import Sequence

_SENT = (
    "Accept, Authorization, Cache-Control, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, traceparent,"
    " X-Allow-Fallback, X-API-Key, X-Expire-After-Ms, X-Explain, X-Request-ID, X-Request-Timeout-Ms"
)
_READ = (
    "Age, Allow, Cache-Status, ETag, Idempotent-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy,"
    " Retry-After, WWW-Authenticate, X-Degraded, X-Request-ID"
)
_KEPT_S = 600
_VARY = (b"vary", b"Origin")

Headers = Sequence[tuple[bytes, bytes]]


class Cors:
    """The CORS headers for a set of `origins`, as parsed by `shared/runtime/origins.py`."""

    def __init__(self, origins: frozenset[str]) -> None:
        self._origins = frozenset(origin.encode() for origin in origins)

    def of_an_answer(self, request: Headers) -> Headers:
        """Return the headers to add to the answer to a request with these headers."""
        if not self._origins:
            return ()
        origin = self._known(request)
        if origin is None:
            return (_VARY,)
        return (_VARY, (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _READ.encode()))

    def of_a_preflight(self, request: Headers, methods: str) -> dict[str, str]:
        """Return the headers to add when a browser asks whether its page may send a request. `methods`: those of the
        path."""
        if self._known(request) is None or not any(name == b"access-control-request-method" for name, _ in request):
            return {}
        return {
            "Access-Control-Allow-Methods": methods,
            "Access-Control-Allow-Headers": _SENT,
            "Access-Control-Max-Age": str(_KEPT_S),
        }

    def _known(self, request: Headers) -> bytes | None:
        return next((value for name, value in request if name == b"origin" and value in self._origins), None)
