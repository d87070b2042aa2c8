"""HTTP client: calls other services, with connection pooling and limits. The only module that imports aiohttp.

An answer is untrusted: it is not decompressed, redirects are not followed, its size is limited, its JSON is checked.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

from holdfast.shared.http.body import is_utf_8
from holdfast.shared.http.json_bytes import DEPTH_MAX, TooDeep, parsed
from holdfast.shared.runtime.left_out import without_certificates
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.tracing import spans

with without_certificates():  # the certificates are read only for a client with an https address
    import aiohttp
    from aiohttp import ClientError, ClientHandlerType, ClientRequest, ClientResponse
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.http import HttpProcessingError

#: Shorter than servers keep idle connections, so that a call rarely uses one that is being closed.
_IDLE_S = 10.0

#: Seconds between the attempts at two addresses of a name, as in shared/connections/happy_eyeballs.py.
_HEAD_START_S = 0.05

#: Interim answers that may arrive together, and how many bytes are parsed at a time.
_INTERIM_MAX, _PARSED_BYTES = 16, 16_384

Why = Literal["protocol", "encoding", "content_type", "too_large", "cut_short", "not_json", "too_deep"]


class CallFailed(Exception):
    """A call ended without a usable answer."""


class NotReached(CallFailed):
    """No connection could be made, or it was lost before an answer began."""


class TookTooLong(CallFailed, TimeoutError):
    """The call's time limit passed."""


class TooManyAtOnce(CallFailed):
    """Our own limit of calls in flight was reached. Nothing was sent."""


class BadAnswer(CallFailed):
    """The received data are not a valid answer."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class Limits(NamedTuple):
    """The limits of one call: the total time and the time to connect, in seconds, and the largest body of an answer."""

    total_s: float
    connect_s: float
    body_max_bytes: int


class Answer(NamedTuple):
    """A whole answer, with header names in lower case. `document`: its JSON, for reading; None if an error or a
    redirect has no JSON. `raw`: the body's bytes, for passing on. `asked_at`: when the call began, in Unix seconds."""

    status: int
    headers: Mapping[str, str]
    document: Any
    raw: bytes
    asked_at: float


class HttpClient:
    """A client for one base URL. `name` labels its metrics; `in_flight_max` may be changed at any time; `depth_max`
    limits the nesting of an answer's JSON.

        client = HttpClient("third_party", "https://api.example", in_flight_max=64)
        answer = await client.call("GET", "/data", Limits(1.5, 0.5, 2**20), headers)
    """

    def __init__(self, name: str, base_url: str, *, in_flight_max: int, depth_max: int = DEPTH_MAX) -> None:
        self._depth_max = depth_max
        self._base_url = base_url.rstrip("/")
        self._tls = _verifying() if base_url.startswith("https:") else True
        self.in_flight_max = in_flight_max
        self._in_flight = 0
        metrics.pool_capacity.labels(name).set_function(lambda: self.in_flight_max)
        metrics.pool_in_use.labels(name).set_function(lambda: self._in_flight)
        self._made: aiohttp.ClientSession | None = None

    async def call(
        self, method: str, path: str, limits: Limits, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Send one request once, and return the answer. Raises CallFailed."""
        if self._in_flight >= self.in_flight_max:
            raise TooManyAtOnce
        if trace := spans.traceparent():  # the span of this call replaces the caller's span
            headers = {**headers, "traceparent": trace}
        self._in_flight += 1
        try:
            async with asyncio.timeout(limits.total_s):
                return await self._exchange(method, path, limits, headers, body)
        except aiohttp.ConnectionTimeoutError as error:
            raise NotReached(type(error).__name__) from error
        except TimeoutError as error:
            raise TookTooLong(f"no answer within {limits.total_s:.3f} s") from error
        except aiohttp.ClientPayloadError as error:
            raise BadAnswer("cut_short") from error
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise NotReached(type(error).__name__) from error
        except (ClientError, ValueError) as error:
            raise BadAnswer("protocol") from error
        finally:
            self._in_flight -= 1

    async def close(self) -> None:
        """Close every connection. A later call opens new ones."""
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    async def _exchange(
        self, method: str, path: str, limits: Limits, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        asked_at = time.time()
        async with self._session().request(
            method,
            self._base_url + path,
            headers=headers,
            data=body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=limits.connect_s),
        ) as response:
            answered = {name.lower(): value for name, value in response.headers.items()}
            raw = b""
            try:
                raw = await _read(response, limits.body_max_bytes)
                document = _document(response, raw, self._depth_max)
            except (BadAnswer, aiohttp.ClientPayloadError):
                if response.ok and response.status < 300:
                    raise
                document = None  # an error needs no JSON
            return Answer(response.status, answered, document, raw, asked_at)

    def _session(self) -> aiohttp.ClientSession:
        """Return the session, created on first use because it belongs to the running event loop."""
        if self._made is None:
            self._made = aiohttp.ClientSession(
                # aiohttp's own limit would make calls wait; our limit refuses them.
                connector=_Connector(
                    limit=0, keepalive_timeout=_IDLE_S, ssl=self._tls, happy_eyeballs_delay=_HEAD_START_S
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "holdfast"},
                middlewares=(_sent_once,),
            )
        return self._made


def _verifying() -> ssl.SSLContext:
    """Return the context that aiohttp would use if it had found the machine's certificates."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(("http/1.1",))
    return context


class _Wire(ResponseHandler):
    """A connection that does not take any number of interim answers (1xx), each of which aiohttp would keep as an
    object before it skips it."""

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        for start in range(0, len(data) or 1, _PARSED_BYTES):
            super().data_received(data[start : start + _PARSED_BYTES])
            if len(self) > _INTERIM_MAX and self.transport is not None:
                self.set_exception(HttpProcessingError(message="too many interim answers"))
                self.transport.close()
            if self.exception() is not None:
                return


class _Connector(aiohttp.TCPConnector):
    """Uses no kept connection on which anything arrived after the last answer. aiohttp would take that for the answer
    to the next request, and each answer from then on for the answer to a later request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._factory: Any = partial(_Wire, loop=self._loop)

    async def _get(self, *args: Any) -> Any:
        """Return a kept connection, or None. Called by aiohttp before it makes a connection."""
        while (kept := await super()._get(*args)) and kept.protocol and kept.protocol.should_close:
            kept.close()
        return kept


async def _sent_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """Prevent aiohttp from resending a GET after a kept connection was lost: only our caller may retry. aiohttp does
    not know NotReached, so this error passes through."""
    try:
        return await handler(request)
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise NotReached(type(error).__name__) from error


async def _read(response: ClientResponse, most_bytes: int) -> bytes:
    if (response.content_length or 0) > most_bytes:
        raise BadAnswer("too_large")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most_bytes:
            raise BadAnswer("too_large")
    return bytes(body)


def _document(response: ClientResponse, body: bytes, depth_max: int) -> Any:
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BadAnswer("encoding")
    content_type = response.headers.get("Content-Type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if (media_type != "application/json" and not media_type.endswith("+json")) or not is_utf_8(content_type):
        raise BadAnswer("content_type")
    try:
        return parsed(body, depth_max)
    except TooDeep as error:
        raise BadAnswer("too_deep") from error
    except ValueError as error:
        raise BadAnswer("not_json") from error
