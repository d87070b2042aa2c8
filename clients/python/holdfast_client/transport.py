"""Transport: sends one request with httpx, and translates its failures."""

import json
from typing import Any

import httpx

from holdfast_client.calls import Reply, Send
from holdfast_client.errors import HoldfastError, Unreachable, ValidationError

#: Errors that are raised before the request is sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, UnicodeEncodeError)


def options(base_url: str, key: str | None, more: dict[str, Any]) -> dict[str, Any]:
    """Return the constructor arguments of httpx's clients. Raises TypeError for a timeout, which each request sets."""
    if "timeout" in more:
        raise TypeError("no timeout=, but timeout_s= of each call, or policy=RetryPolicy(timeout_s=...) for all calls")
    headers = httpx.Headers(more.get("headers"))
    headers.update({"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {}))
    return {"base_url": base_url, **more, "headers": headers}


def arguments(send: Send) -> dict[str, Any]:
    """Return the arguments for the `request` or `stream` method of httpx's clients."""
    sent = send._asdict()
    return {"url": sent.pop("path"), "timeout": sent.pop("timeout_s"), **sent}


def reply_of(response: httpx.Response, body: bytes) -> Reply:
    """Return the reply for a response whose body was read completely."""
    try:
        return Reply(response.status_code, response.headers, json.loads(body))
    except (ValueError, RecursionError):
        return Reply(response.status_code, response.headers, None)


def failure_of(error: httpx.RequestError | TimeoutError | UnicodeEncodeError) -> HoldfastError:
    """Return the error for a request without an answer. A request that was never sent had definitely no effect."""
    kind = ValidationError if (odd := isinstance(error, UnicodeEncodeError)) else Unreachable
    return kind(str(error) or type(error).__name__, retryable=not odd, definite=isinstance(error, _NOT_SENT))
