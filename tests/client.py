"""Client: HTTP to a service under test, with timeouts that suit a busy machine."""

import time
from typing import Any

import httpx

#: Longer than any api, and any wait that a request asks for, may take.
RESPONSE_DEADLINE_S = 180.0

#: The header of a caller that waits for the end of a write, as long as that takes on a busy machine.
WAIT = {"Prefer": "wait=60"}

_PAUSE_S = 0.05


class _Patient(httpx.HTTPTransport):
    """Repeats a request that the api shed because its machine is busy: `OVERLOADED` means that it had no effect."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request until it is not shed, for at most RESPONSE_DEADLINE_S."""
        end = time.monotonic() + RESPONSE_DEADLINE_S
        while True:
            response = super().handle_request(request)
            if response.status_code != 503 or not isinstance(request.stream, httpx.ByteStream):
                return response
            if b'"OVERLOADED"' not in response.read() or time.monotonic() > end:
                return response
            response.close()
            time.sleep(_PAUSE_S)


def fetch(method: str, url: str, **more: Any) -> httpx.Response:
    """Send one request on a connection of its own. TLS certificates are not verified: loading the machine's
    certificates takes longer than a request, and tests poll often."""
    return httpx.request(method, url, **{"timeout": RESPONSE_DEADLINE_S, "verify": False, **more})


def client_of(url: str, **more: Any) -> httpx.Client:
    """Return a client of the service at `url`."""
    return httpx.Client(base_url=url, timeout=RESPONSE_DEADLINE_S, transport=_Patient(verify=False), **more)
