"""Sends one HTTP request at a time, as a plain client does. Standard library only."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_S = 30.0
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class JsonResponse:
    """A response. `status`: 0 if none came, for the reason in the body's `error.code`. `headers`: with lower-case
    names. `body`: the parsed JSON, or the text if it is not JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any
    seconds: float


def request(
    server: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> JsonResponse:
    """Send a request to `host:port` or `http[s]://host:port`, and return the response. Never raises because of the
    server."""
    url = urlsplit(server if "://" in server else f"http://{server}")
    began = time.monotonic()
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc, timeout=timeout_s)
    try:
        connection.request(method, url.path.rstrip("/") + path, body, dict(headers or {}))
        response = connection.getresponse()
        text = response.read()
        names = {name.lower(): value for name, value in response.getheaders()}
        return JsonResponse(response.status, names, _parsed(text), time.monotonic() - began)
    except (OSError, http.client.HTTPException) as error:
        return JsonResponse(0, {}, {"error": {"code": f"{type(error).__name__}: {error}"}}, time.monotonic() - began)
    finally:
        connection.close()


def request_json(
    server: str,
    method: str,
    path: str,
    document: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> JsonResponse:
    """Send a request with a JSON document as the body."""
    return request(server, method, path, json.dumps(document).encode(), _JSON | dict(headers or {}), timeout_s)


def bearer(key: str) -> dict[str, str]:
    """Return the header that carries an API key, or no header without a key."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
