"""Client: sends one request to dlq_admin and returns its answer, or raises why there is none."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

_PART_BYTES = 1 << 16

Parameters = Mapping[str, str | int | Sequence[str] | None]


class Refused(Exception):
    """dlq_admin refused the request. `error` is the error of the envelope."""

    def __init__(self, status: int, error: Mapping[str, Any]) -> None:
        super().__init__(str(error.get("message", f"HTTP {status}")))
        self.status = status
        self.error = error


class NotReachable(Exception):
    """There was no answer, or the answer came from another server. The text says what is known."""


class Answer(NamedTuple):
    """A successful answer. `banner`: why the answer is incomplete, or None."""

    data: Any
    meta: Mapping[str, Any]
    banner: str | None = None


class Client:
    """A client that sends `key` to `url` and nowhere else: it uses no proxy of the environment and follows no
    redirect."""

    def __init__(self, url: str, key: str, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        if urlsplit(self._url).scheme not in ("http", "https"):
            raise ValueError(f"{url} is not an http address")
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())

    def get(self, path: str, parameters: Parameters | None = None) -> Answer:
        """Send a GET request. Raises Refused, NotReachable."""
        return self._answer_to("GET", path, parameters, None)

    def send(self, path: str, body: Mapping[str, Any], method: str = "POST") -> Answer:
        """Send a JSON body. Raises Refused, NotReachable."""
        return self._answer_to(method, path, None, json.dumps(body).encode())

    def upload(self, path: str, parameters: Parameters, lines: bytes) -> Answer:
        """Send NDJSON lines. Raises Refused, NotReachable."""
        return self._answer_to("POST", path, parameters, lines, "application/x-ndjson")

    def parts(self, path: str, parameters: Parameters) -> Iterator[bytes]:
        """Yield a long answer in parts as they arrive. Raises Refused, NotReachable, also halfway."""
        with self._opened("GET", path, parameters, None, "") as answer:
            missing = int(answer.headers.get("Content-Length") or 0)  # http.client checks chunked answers
            while part := self._part(answer):
                missing -= len(part)
                yield part
        if missing > 0:
            raise NotReachable(f"{self._url} closed the connection")

    def _answer_to(
        self, method: str, path: str, parameters: Parameters | None, body: bytes | None, kind: str = "application/json"
    ) -> Answer:
        with self._opened(method, path, parameters, body, kind) as answer:
            try:
                data = json.loads(answer.read())
                if data["success"]:
                    return Answer(data["data"], data.get("meta") or {})
                instead = data["fallback_data"]
                return Answer(instead, {}, instead.get("banner") or data["error"]["message"])
            except (ValueError, KeyError, TypeError, AttributeError):
                raise NotReachable(f"what answers at {self._url} is not dlq_admin") from None
            except (OSError, http.client.HTTPException) as error:
                raise self._silence(method, error) from None

    def _opened(
        self, method: str, path: str, parameters: Parameters | None, body: bytes | None, kind: str
    ) -> http.client.HTTPResponse:
        given = {name: value for name, value in (parameters or {}).items() if value is not None}
        url = f"{self._url}{path}" + (f"?{urlencode(given, doseq=True)}" if given else "")
        headers = self._headers | ({"Content-Type": kind} if body is not None else {})
        request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - checked in `__init__`
        try:
            answer: http.client.HTTPResponse = self._opener.open(request, timeout=self._timeout_s)
            return answer
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise self._refusal(refusal) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._silence(method, error) from None

    def _refusal(self, refusal: urllib.error.HTTPError) -> Exception:
        try:
            return Refused(refusal.code, dict(json.loads(refusal.read())["error"]))
        except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
            return NotReachable(f"{self._url} answers HTTP {refusal.code}, and not as dlq_admin does")

    def _silence(self, method: str, error: Exception) -> NotReachable:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        text = f"{self._url} does not answer: {cause or type(cause).__name__}"
        if method != "GET" and not isinstance(cause, ConnectionRefusedError):
            text += "\nIt may have been done nevertheless: check `audit` before you retry."
        return NotReachable(text)

    def _part(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read(_PART_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise NotReachable(f"{self._url} closed the connection: {type(error).__name__}") from None


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Return None, so that no redirect is followed: the key would be sent along."""
