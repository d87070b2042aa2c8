"""Client: calls to other HTTP services, pooled and bounded in every direction. The one module that imports aiohttp.

What comes back is data until it has been checked: it is never decompressed, redirects are not followed, and no more of
it is read than is allowed.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import aiohttp
from aiohttp import ClientError, ClientHandlerType, ClientRequest, ClientResponse

from holdfast.shared.http.charset import is_utf_8
from holdfast.shared.http.json_bytes import DEPTH_MAX, TooDeep, parsed
from holdfast.shared.telemetry import metrics
from holdfast.shared.telemetry.tracing import spans

#: Sooner than servers close idle connections, so that a call rarely meets one that is being closed.
_IDLE_S = 10.0

Why = Literal["protocol", "encoding", "content_type", "too_large", "cut_short", "not_json", "too_deep"]


class CallFailed(Exception):
    """No answer that can be used."""


class NotReached(CallFailed):
    """No connection, or it was lost before an answer began."""


class TookTooLong(CallFailed, TimeoutError):
    """The time for it was over."""


class TooManyAtOnce(CallFailed):
    """Our own limit of calls in flight: nothing was sent."""


class BadAnswer(CallFailed):
    """Something came that is no answer."""

    def __init__(self, why: Why) -> None:
        super().__init__(why)
        self.why = why


class Limits(NamedTuple):
    """Of one call: seconds in all, seconds to connect, and the largest body of an answer."""

    total_s: float
    connect_s: float
    body_max_bytes: int


class Answer(NamedTuple):
    """A whole answer. `document`: its JSON, to look at; for errors and redirects None when it is none. `raw`: the same,
    byte for byte, to pass on. Names in lower case."""

    status: int
    headers: Mapping[str, str]
    document: Any
    raw: bytes = b""


class HttpClient:
    """Calls to one base URL. `in_flight_max` may be changed at any time; `name` is for the metrics; `depth_max`: of an
    answer's JSON."""

    def __init__(self, name: str, base_url: str, *, in_flight_max: int, depth_max: int = DEPTH_MAX) -> None:
        self._depth_max = depth_max
        self._base_url = base_url.rstrip("/")
        self.in_flight_max = in_flight_max
        self._in_flight = 0
        metrics.pool_capacity.labels(name).set_function(lambda: self.in_flight_max)
        metrics.pool_in_use.labels(name).set_function(lambda: self._in_flight)
        self._made: aiohttp.ClientSession | None = None

    async def call(
        self, method: str, path: str, limits: Limits, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """One request, sent once. Raises CallFailed."""
        if self._in_flight >= self.in_flight_max:
            raise TooManyAtOnce
        if trace := spans.traceparent():  # of this very call, in place of the one that its caller came with
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
        """Close every connection."""
        if self._made is not None:
            await self._made.close()

    async def _exchange(
        self, method: str, path: str, limits: Limits, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        async with self._session().request(
            method,
            self._base_url + path,
            headers=headers,
            data=body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=None, connect=limits.connect_s),
        ) as response:
            told = {name.lower(): value for name, value in response.headers.items()}
            raw = b""
            try:
                raw = await _read(response, limits.body_max_bytes)
                document = _document(response, raw, self._depth_max)
            except (BadAnswer, aiohttp.ClientPayloadError):
                if response.ok and response.status < 300:
                    raise
                document = None  # an error is an error, whatever it says about itself
            return Answer(response.status, told, document, raw)

    def _session(self) -> aiohttp.ClientSession:
        """Made on first use: it belongs to the event loop."""
        if self._made is None:
            self._made = aiohttp.ClientSession(
                # Its own limit would make calls wait; ours refuses them.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "holdfast"},
                middlewares=(_sent_once,),
            )
        return self._made


async def _sent_once(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
    """aiohttp sends a GET again by itself when a kept connection is lost; attempts are made, and counted, by whoever
    calls us. It does not know our error, and lets it pass."""
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
