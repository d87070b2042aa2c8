"""Rate limit client: requests are counted per key, or per address without a key."""

from starlette.types import Scope

from holdfast.shared.http.forwarded import Addresses
from holdfast.shared.http.keys import ANYBODY, Principal


class Clients:
    """Names the clients of requests."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses

    def name(self, scope: Scope) -> str:
        """`key:name`, or `from:address`."""
        principal: Principal | None = scope.get("principal")
        if principal is not None and principal is not ANYBODY:
            return f"key:{principal.name}"
        return f"from:{self._addresses.of(scope)}"
