"""Ask: one HTTP request, as a plain client sends it."""

import http.client
import json
import time
from collections.abc import Mapping

from deploy.scenarios.expect import Answer

_TIMEOUT_S = 30.0


def ask(
    address: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout_s: float = _TIMEOUT_S
) -> Answer:
    """To `host:port`. Never raises for what the other side does: no answer is an Answer with status 0."""
    began = time.monotonic()
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        text = response.read()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, _parsed(text), time.monotonic() - began)
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, {}, {"error": {"code": f"{type(error).__name__}: {error}"}}, time.monotonic() - began)
    finally:
        connection.close()


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
