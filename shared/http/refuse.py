"""Refuse: builds the answer, in the envelope, to bytes that are not a valid request and so reach no application."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.requests import Request

from holdfast.shared.errors import AppError
from holdfast.shared.http.browser import for_a_browser
from holdfast.shared.http.envelope import UNMATCHED, failure
from holdfast.shared.http.request_id import new, sane
from holdfast.shared.telemetry import metrics


def refusal(error: AppError, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return an HTTP/1.1 response, as bytes, that closes the connection. `headers`: the headers received so far."""
    request_id = sane(dict(headers).get(b"x-request-id", b"")) or new()
    scope = {"type": "http", "headers": list(headers), "request_id": request_id.decode()}
    response = failure(error, Request(scope), {"Connection": "close"})
    metrics.http_requests.labels(UNMATCHED, "other", str(response.status_code)).inc()
    status = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()
    given = [*response.raw_headers, (b"x-request-id", request_id)]
    fields = [name + b": " + value for name, value in given + for_a_browser(given)]
    return b"\r\n".join([status, *fields, b"", bytes(response.body)])
