"""Transport: one request with httpx, and what its failures mean."""

import json
from typing import Any

import httpx

from holdfast_client.calls import Reply, Send
from holdfast_client.errors import HoldfastError, Unreachable

#: The request never left.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def options(base_url: str, key: str | None, more: dict[str, Any]) -> dict[str, Any]:
    """Of httpx's clients."""
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    return {"base_url": base_url, "headers": headers, **more}


def arguments(send: Send) -> dict[str, Any]:
    """Of their `request`."""
    sent = send._asdict()
    return {"url": sent.pop("path"), "timeout": sent.pop("timeout_s"), **sent}


def reply_of(response: httpx.Response, body: bytes) -> Reply:
    """An answer that was read to its end."""
    try:
        return Reply(response.status_code, response.headers, json.loads(body))
    except ValueError:
        return Reply(response.status_code, response.headers, None)


def failure_of(error: httpx.RequestError | TimeoutError) -> HoldfastError:
    """No answer. What was not sent did certainly not happen."""
    return Unreachable(str(error) or type(error).__name__, retryable=True, definite=isinstance(error, _NOT_SENT))
