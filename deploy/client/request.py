"""One HTTP request at a time, as a plain client sends it. Standard library only."""

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
    """A response. A status of 0 means that none came; the body's `error.code` then says why.

    `headers` have lower-case names. `body` is the parsed JSON, or the text when it is not JSON.
    """

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
    """Send to `host:port` or `http[s]://host:port`. Never raises for what the server does."""
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
    """The same with a JSON document as the body."""
    return request(server, method, path, json.dumps(document).encode(), _JSON | dict(headers or {}), timeout_s)


def bearer(key: str) -> dict[str, str]:
    """The header that carries an API key; none without a key."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
