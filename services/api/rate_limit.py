"""Rate limit: limits how many requests one client may send in a minute, separately for reads and writes."""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.services.api.lanes import Lane, lane_of
from holdfast.services.api.rate_limit_count import Counts, Taken
from holdfast.services.api.rate_limit_policy import RatePolicy, rate_policy, whole_seconds
from holdfast.shared.errors import RateLimited
from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.keys import ANYBODY, Principal
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.decisions import decided, note
from holdfast.shared.telemetry.logs import Action


class Clients:
    """Names the clients of requests."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def name(self, scope: Scope) -> str:
        """Return `key:name` for a client with an API key, else `from:address`."""
        principal: Principal | None = scope.get("principal")
        if principal is not None and principal is not ANYBODY:
            return f"key:{principal.name}"
        return f"from:{self._addresses.of(scope)}"


class RateLimit:
    """ASGI middleware, inside Identify. Raises RateLimited, which the edge answers."""

    def __init__(self, app: ASGIApp, counts: Counts, clients: Clients, per_min: dict[str, int]) -> None:
        self._app = app
        self._counts = counts
        self._clients = clients
        self._per_min = per_min

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        policy = self._policy(scope) if scope["type"] == "http" else None
        if policy is not None:
            name = self._clients.name(scope)
            taken = self._counts.leased(name, policy)
            if taken is None:
                return self._once_counted(name, policy, scope, receive, send)
            _counted(name, policy, taken, scope)
        return self._app(scope, receive, send)

    async def _once_counted(self, name: str, policy: RatePolicy, scope: Scope, receive: Receive, send: Send) -> None:
        _counted(name, policy, await self._counts.take(name, policy), scope)
        await self._app(scope, receive, send)

    def _policy(self, scope: Scope) -> RatePolicy | None:
        """Return the limit of the client's API key, else the general one; None if the request is not limited, which
        holds for health, metrics and breakers."""
        lane = scope.get("lane") or lane_of(scope["method"], scope["path"])
        if lane is Lane.KEPT and not scope["path"].startswith("/operations/"):
            return None
        name = "writes" if lane is Lane.WRITES else "reads"
        principal: Principal | None = scope.get("principal")
        own = principal.options.get(name, "") if principal and principal.options else ""
        return rate_policy(name, int(own) if own.isdecimal() else self._per_min[name])


def _counted(name: str, policy: RatePolicy, taken: Taken, scope: Scope) -> None:
    """Add the count to the answer's headers and to the explanation. Raises RateLimited if the limit is used up."""
    scope["answer_headers"] += (policy.header, _header(policy, taken))
    if not taken.allowed:
        metrics.rate_limited.labels(policy.name).inc()
        decided(Action.RATE_LIMITED, **_numbers(policy, taken, name), next_in_s=round(taken.next_in_s, 3))
        raise _refusal(policy, taken, name)
    note(Action.RATE_COUNTED, **_numbers(policy, taken, name))


def _header(policy: RatePolicy, taken: Taken) -> tuple[bytes, bytes]:
    """Return the header of draft-ietf-httpapi-ratelimit-headers-10. `t`: seconds until the whole burst is available
    again, or until a refused request may pass."""
    t = whole_seconds(taken.whole_in_s) if taken.allowed else whole_seconds(taken.next_in_s)
    return b"ratelimit", b'"%b";r=%d;t=%d' % (policy.name_bytes, taken.left, t)


def _numbers(policy: RatePolicy, taken: Taken, name: str) -> dict[str, object]:
    """Return the numbers for the explanation, without the client's name, because an address is personal data."""
    return {
        "policy": policy.name,
        "left": taken.left,
        "burst": policy.burst,
        "per_min": policy.per_min,
        "counted_by": _counted_by(name),
    }


def _counted_by(name: str) -> str:
    return "key" if name.startswith("key:") else "address"


def _refusal(policy: RatePolicy, taken: Taken, name: str) -> RateLimited:
    details = {
        "violated_policies": [policy.name],
        "limit": policy.per_min,
        "window_s": 60,
        "burst": policy.burst,
        "counted_by": _counted_by(name),
    }
    return RateLimited(details=details, retry_after_s=max(1, whole_seconds(taken.next_in_s)))
