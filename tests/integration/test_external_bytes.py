"""The third party's bytes reach the client unchanged, through both services and their copies."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tests import processes
from tests.external import NO_FALLBACK, NOWHERE, PATIENT
from tests.integration.test_api_accepts import error_of
from tests.servers import RedisServer

_JSON = "application/json"
_VALID = [
    b'{"id": 12345678901234567890, "price": 1.10, "id": 2}', b'[1e400, -0, 1E+2, "\\u00e9\\/"]', b"9" * 400, b' "a" \n',
    b'{"meta": {"meta": ",\\"meta\\":"}}', "[\"\u00fc\u2028\U0001f600\"]".encode(), b"[" * 200 + b"]" * 200,
]  # fmt: skip
_INVALID = [
    (b'{"a": NaN}', _JSON), (b"[1e999, Infinity]", _JSON), (b'"\\ud800"', _JSON), (b"\xef\xbb\xbf{}", _JSON),
    (b"[" * 201 + b"]" * 201, _JSON), (b'"\xfc"', _JSON), (b"{}", f"{_JSON}; charset=latin-1"), (b"{}", "text/html"),
    (b'"' + b"x" * 100_000 + b'"', _JSON), (b"", _JSON),
]  # fmt: skip


class Speaker(ThreadingHTTPServer):
    """A third party that sends the answer that the test has set."""

    status = 200
    body = b"{}"
    content_type = _JSON
    retry_after = ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Speaker

    def do_GET(self) -> None:
        """Send the configured answer."""
        self.send_response(self.server.status)
        self.send_header("Content-Type", self.server.content_type)
        self.send_header("Content-Length", str(len(self.server.body)))
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(self.server.body)

    def do_POST(self) -> None:
        """Read the body and send the configured answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class Chain(NamedTuple):
    """The third party, the proxy in front of it, and the api in front of the proxy."""

    speaker: Speaker
    proxy: httpx.Client
    api: httpx.Client


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer) -> Iterator[Chain]:
    """The chain for all tests of the module; its api has no database, which this route does not need."""
    folder: Path = tmp_path_factory.mktemp("bytes")
    with redis_server.client() as redis:
        redis.flushall()
    speaker = Speaker(("127.0.0.1", 0), _Handler)
    threading.Thread(target=speaker.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{speaker.server_address[1]}"
    config = PATIENT | {"attempts": 1, "retry_after_max_s": 60}
    proxy = processes.external_proxy(folder, redis_server.address, url, config).start(wait=False)
    dsn = f"mysql://nobody:nothing@{NOWHERE}/none"
    api = processes.api(folder, redis_server.address, dsn, HOLDFAST_API_EXTERNAL_PROXY_URL=proxy.url).start()
    proxy.wait_until_alive()
    with proxy.client() as to_proxy, api.client() as to_api:
        yield Chain(speaker, to_proxy, to_api)
    proxy.kill()
    api.kill()
    speaker.shutdown()
    speaker.server_close()


def test_valid_json_arrives_byte_for_byte(chain: Chain) -> None:
    """Valid JSON arrives unchanged from a read, from a write, and from the last good copy when the third party
    fails."""
    for raw in _VALID:
        chain.speaker.status, chain.speaker.body, chain.speaker.content_type = 200, raw, _JSON
        whole = b'{"success":true,"data":' + raw + b',"meta":'
        for answer in (chain.api.get("/external-api"), chain.proxy.post("/external", json={})):
            assert (answer.status_code, answer.content[: len(whole)]) == (200, whole), raw[:60]
        chain.speaker.status = 503
        stale = chain.api.get("/external-api")
        assert (stale.status_code, b',"data":' + raw + b',"meta":' in stale.content) == (200, True), raw[:60]
        assert b'"kind":"last_good"' in stale.content


def test_what_is_no_json_is_an_error_of_the_third_party(chain: Chain) -> None:
    """An answer that is not valid JSON gets 502 if the client accepts no fallback; any other client gets the last good
    answer, byte for byte."""
    chain.speaker.status, chain.speaker.body, chain.speaker.content_type = 200, b"[12345678901234567890]", _JSON
    assert chain.api.get("/external-api").status_code == 200
    for raw, content_type in _INVALID:
        chain.speaker.body, chain.speaker.content_type = raw, content_type
        refused = chain.api.get("/external-api", headers=NO_FALLBACK)
        assert (refused.status_code, error_of(refused)["code"]) == (502, "UPSTREAM_INVALID_ANSWER"), raw[:60]
        stale = chain.api.get("/external-api")
        assert stale.status_code == 200
        assert b',"data":[12345678901234567890],"meta":' in stale.content, raw[:60]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_has_an_end(chain: Chain, status: int) -> None:
    """A Retry-After is passed on as no more than the configured 60 s, and a malformed one counts as absent."""
    chain.speaker.status, chain.speaker.body, chain.speaker.content_type = status, b"{}", _JSON
    for retry_after in ("Fri, 31 Dec 9999 23:59:59 GMT", "999999999", "61", "9" * 60, "-5", "NaN", "soon"):
        chain.speaker.retry_after = retry_after
        refused = chain.api.get("/external-api", headers=NO_FALLBACK)
        assert refused.status_code in (502, 503), retry_after
        assert 0 < int(refused.headers["retry-after"]) <= 60, retry_after
    chain.speaker.retry_after = ""
