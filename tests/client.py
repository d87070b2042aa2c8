"""Client: HTTP to a service under test, as patient as a busy machine needs it."""

import time
from typing import Any

import httpx

#: Longer than any api, and what it is asked to wait for, may take.
RESPONSE_DEADLINE_S = 180.0

#: A caller who waits for the end of a write, for as long as that takes on a busy machine.
WAIT = {"Prefer": "wait=60"}

_PAUSE_S = 0.05


class _Patient(httpx.HTTPTransport):
    """Sends again what the api turned away because its machine is busy: `OVERLOADED` says that nothing was done."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request, as often as it takes."""
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
    """One request on a connection of its own. Nothing here speaks TLS: to read the machine's certificates takes longer
    than a request, and tests ask again and again until something is as it should be."""
    return httpx.request(method, url, **{"timeout": RESPONSE_DEADLINE_S, "verify": False, **more})


def client_of(url: str, **more: Any) -> httpx.Client:
    """Of the service at `url`."""
    return httpx.Client(base_url=url, timeout=RESPONSE_DEADLINE_S, transport=_Patient(verify=False), **more)
