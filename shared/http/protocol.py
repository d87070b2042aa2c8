"""Protocol: uvicorn's HTTP/1.1 with limits on the size and duration of heads and bodies, on idle time and connections.
An invalid request is answered in the envelope, after the answers to earlier requests."""

import asyncio
from enum import Enum, auto
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from holdfast.shared.errors import AppError, BodyTooLarge, MalformedHttp, Overloaded, RequestTooSlow
from holdfast.shared.http.head import check_form, check_size, head_too_large, is_short, without_upgrade
from holdfast.shared.http.linger import LingeringTransport
from holdfast.shared.http.open_paths import KEPT_PATHS
from holdfast.shared.http.refuse import refusal
from holdfast.shared.runtime.bounds import Bounds


class _At(Enum):
    """The part of a request that the client is sending."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


#: Bound once: they are read for every header, and reading a member of an enum is slow.
_NOTHING, _HEAD, _BODY = _At.NOTHING, _At.HEAD, _At.BODY

#: Handlers of these methods read no body, so they may have acted before the body turns out to be invalid, and their
#: answer is sent. Every other handler reads the body before it acts.
_ACT_WITHOUT_BODY = {"GET", "HEAD", "OPTIONS", "DELETE"}
_KEPT_TARGETS = {path.encode() for path in KEPT_PATHS}


def _malformed(error: httptools.HttpParserError) -> MalformedHttp:
    """Return the error with the parser's reason, which contains nothing of what the client sent."""
    return MalformedHttp(f"What was sent is not a valid HTTP request: {error}.")


def bounded(bounds: Bounds) -> type["BoundedHttp"]:
    """Return the protocol class with these bounds. uvicorn creates an instance per connection."""
    return type("BoundedHttp", (BoundedHttp,), {"bounds": bounds})


class BoundedHttp(HttpToolsProtocol):
    """One connection. A request that arrives in one piece sets no timer."""

    bounds: ClassVar[Bounds] = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at = _NOTHING
        #: The bytes of this request without its first piece.
        self._fed = 0
        self._piece = 0
        #: Requests without an answer yet; several if the client pipelines them.
        self._due = 0
        self._crowded = False
        self._wire: LingeringTransport
        #: Whether the connection is being closed. Incoming data are dropped then.
        self._leaving = False
        #: Sent after the answers that are due; then the connection is closed.
        self._last_answer: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timed: _At | None = None
        self._stuck: asyncio.TimerHandle | None = None
        #: Whether the connection is closed unless this request is complete before its answer begins.
        self._unkept = False

    # --- the connection ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Accept a connection. If there are too many, the client is refused once its request is known."""
        super().connection_made(transport)
        self._wire = LingeringTransport(transport, self.loop, self.bounds.linger_s, self._unread)
        self.transport = self._wire  # type: ignore[assignment]  # the part of a transport that uvicorn uses
        above = len(self.connections) - self.bounds.connections_max
        self._crowded = above > 0
        if above > self.bounds.connections_kept:
            self.transport.abort()
            return
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up after the connection is closed."""
        super().connection_lost(exc)
        self._unwatch()
        self.resume_writing()
        self._unset_keepalive_if_required()
        self._wire.lost()

    def shutdown(self) -> None:
        """Stop: the answer that is due is the last one, whatever arrives."""
        self._unkept = False
        super().shutdown()

    def pause_writing(self) -> None:
        """Start the timer for a client that has stopped reading."""
        super().pause_writing()
        self._stuck = self.loop.call_later(self.bounds.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that timer, because the client reads again."""
        super().resume_writing()
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def data_received(self, data: bytes) -> None:
        """Feed received bytes to the parser, within the limits."""
        if self._leaving or self._wire.closing:
            return
        self._unset_keepalive_if_required()
        if self._at is _NOTHING and b"pgrade:" in data:
            data = without_upgrade(data)
        self._piece = len(data)
        self._fed += len(data)
        while data:
            try:
                self.parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]  # the upgrade is declined, so the rest is the next request
            except httptools.HttpParserError as error:
                why = error.__context__
                self._refuse(why if isinstance(why, AppError) else _malformed(error))
                return
        if self._at is _HEAD and self._fed > self.bounds.head_bytes:
            self._refuse(head_too_large(self.bounds))
        elif self._at is _BODY and self._fed > self.bounds.wire_bytes:
            self._refuse(BodyTooLarge())
        else:
            at = self._at
            if at is not self._timed or at is _NOTHING:
                self._watch()

    # --- the request, as the parser sees it ---

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self._timer is not None:  # the timer of the previous part; this request has its own time
            self._unwatch()
        self._at = _HEAD
        self._fed = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add one header. Trailers arrive here too, after the head, and are ignored."""
        if self._at is not _HEAD:
            return
        name, value = name.lower(), value.rstrip(b" \t")  # trailing blanks are not part of a value
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the complete head. Raises AppError to refuse it; the parser passes the error on."""
        self._check_head()
        if self.parser.get_http_version() == "1.0":  # such a client takes an interim answer for the answer
            self.expect_100_continue = False
        super().on_headers_complete()
        self._due += 1
        self._at = _BODY
        if self._crowded:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """End the request."""
        self._at = _NOTHING
        if self._unkept:
            self._unkept = False
            self.cycle.keep_alive = not self.cycle.response_started
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """End the answer, which may be complete before the request is."""
        self._due -= 1
        super().on_response_complete()
        if self._due:
            return
        if self._last_answer is not None:
            self._send_last(self._last_answer)
        elif self._at is _BODY and self._is_unwanted():
            self._leave()

    def _check_head(self) -> None:
        bounds = self.bounds
        if self._piece + self._fed > bounds.target_bytes or len(self.headers) > bounds.headers_max:
            check_size(self.url, self.headers, bounds)
        check_form(self.parser.get_http_version(), self.headers, upgrade=self.parser.should_upgrade())
        if len(self.pipeline) >= bounds.pipelined_max:
            raise MalformedHttp("Too many requests were sent without waiting for answers.")
        if self._crowded and self.url.partition(b"?")[0] not in _KEPT_TARGETS:
            raise Overloaded(details={"reason": "connections"})

    def _is_unwanted(self) -> bool:
        """Return whether the rest of the body is not worth reading, if the answer does not need it."""
        return self.expect_100_continue or not is_short(self.headers, self.bounds)

    # --- the end ---

    def _watch(self) -> None:
        """Set the timer for the part that the client is sending."""
        if self._at is _NOTHING and self._due:
            self._unwatch()
        elif self._timed is not self._at:
            self._unwatch()
            self._timed = self._at
            seconds = self.bounds.body_s_at(self.url) if self._at is _BODY else self.bounds.head_s
            if self._at is _BODY and self.cycle.keep_alive and self._is_unwanted():
                self._unkept, self.cycle.keep_alive = True, False  # an answer that begins now announces the close
            self._timer = self.loop.call_later(seconds, self._late)

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timed = None

    def _late(self) -> None:
        self._timer = self._timed = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:  # we have stopped reading, so the client is not late
            self._watch()
        elif self._at is _NOTHING:
            self.transport.close()
        else:
            self._refuse(RequestTooSlow())

    def _refuse(self, error: AppError) -> None:
        """Answer the current request with an error, after the answers that are due, and close."""
        self._unwatch()
        self._leaving = True
        headers = self.headers or [] if self._at is not _NOTHING else []
        if self._at is _BODY:
            if self.cycle.response_started:
                self.cycle.disconnected = True
                self._leave()
                return
            if self.scope["method"] in _ACT_WITHOUT_BODY:
                self._last_answer = b""
                self._unkept = self.cycle.keep_alive = False
                self.flow.resume_reading()  # unread bytes would reset the connection
                return
            self._withdraw()
        answer = refusal(error, headers)
        if self._due:
            self._last_answer = answer
        else:
            self._send_last(answer)

    def _withdraw(self) -> None:
        """Withdraw the request with the invalid body from the application."""
        cycle = self.cycle
        self._due -= 1
        if self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()
            return
        cycle.disconnected = True
        cycle.message_event.set()

    def _send_last(self, answer: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(answer)
            self._leave()

    def _leave(self) -> None:
        self._leaving = True
        self._unwatch()
        self._unset_keepalive_if_required()
        self.flow.resume_reading()  # unread bytes would reset the connection
        self.transport.close()

    def _unread(self) -> bool:
        return self._leaving or self._at is not _NOTHING

    def _unsupported_upgrade_warning(self) -> None:
        """Log nothing: this is not worth a line in the log."""
