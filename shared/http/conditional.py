"""Conditional requests (RFC 9110, 13): evaluates the conditions of a read against its answer. The conditions of a write
are decided where the write is applied.

A condition is about the current state, so it is ignored for an error, and for a copy, which may be outdated.
"""

from collections.abc import Awaitable

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from holdfast.shared.errors import PreconditionFailed
from holdfast.shared.http.envelope import failure
from holdfast.shared.http.etag import IF_NONE_MATCH, Conditions, conditions, tag

#: Headers that describe a body, which a 304 does not have.
_OF_THE_BODY = {b"content-length", b"content-type", b"content-encoding", b"content-range"}


class Conditional:
    """ASGI middleware, the innermost, for GET. Raises InvalidCondition, which the edge answers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle one request."""
        if scope["type"] == "http" and scope["method"] == "GET":
            asked = conditions(scope["headers"])
            if asked.if_match or asked.if_none_match:
                send = _held_against(asked, scope, receive, send)
        return self._app(scope, receive, send)


def _held_against(asked: Conditions, scope: Scope, receive: Receive, send: Send) -> Send:
    answered = False

    async def send_if_wanted(message: Message) -> None:
        nonlocal answered
        if answered:
            return
        if message["type"] == "http.response.start" and message["status"] == 200 and "degraded" not in scope:
            headers = message["headers"]
            mark = next((value.decode("latin-1") for name, value in headers if name == b"etag"), "")
            failing = asked.failing(tag(mark))
            answered = failing is not None
            if failing == IF_NONE_MATCH:
                kept = [(name, value) for name, value in headers if name not in _OF_THE_BODY]
                await send({**message, "status": 304, "headers": kept})
                await send({"type": "http.response.body"})
                return
            if failing is not None:
                error = PreconditionFailed(field=failing, current=mark or None)
                await failure(error, Request(scope))(scope, receive, send)
                return
        await send(message)

    return send_if_wanted
