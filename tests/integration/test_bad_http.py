"""Bad HTTP: whatever arrives on the port is answered by exactly one clean error, or none, and the server continues."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from holdfast.shared.errors import MalformedHttp
from tests import processes, raw
from tests.client import fetch
from tests.servers import Database, RedisServer, wait_until

_PATIENCE_S = 2.0
_CONNECTIONS_MAX = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database) -> Iterator[int]:
    """The port of an api with short timeouts and few connections; on teardown the api has to be running without any
    panic."""
    folder: Path = tmp_path_factory.mktemp("bad-http")
    service = processes.api(
        folder, redis_server.address, database.dsn,
        HOLDFAST_HTTP_REQUEST_TIMEOUT_S=str(_PATIENCE_S), HOLDFAST_HTTP_CONNECTIONS_MAX=str(_CONNECTIONS_MAX),
    ).start()  # fmt: skip
    yield service.port
    assert service.running
    assert service.metric("holdfast_panics_total") == 0
    assert "Traceback" not in service.log.read_text()
    service.kill()


_HOST = b"Host: x\r\n"
_JSON = _HOST + b"Content-Type: application/json\r\n"
_POST = b"POST /users HTTP/1.1\r\n" + _JSON
_CHUNKED = _POST + b"Transfer-Encoding: chunked\r\n\r\n"


def _post(body: bytes, more: bytes = b"") -> bytes:
    return _POST + more + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _get(target: bytes, more: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + _HOST + more + b"\r\n"


#: Requests after which the connection cannot be used again: the server answers once and closes it.
_FATAL: dict[str, tuple[bytes, int, str]] = {
    "garbage": (b"what is this\r\n\r\n", 400, "MALFORMED_HTTP"),
    "TLS on the plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), 400, "MALFORMED_HTTP"),
    "HTTP/0.9": (b"GET /users\r\n\r\n", 400, "MALFORMED_HTTP"),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "MALFORMED_HTTP"),
    "version of the future": (b"GET / HTTP/2.0\r\n" + _HOST + b"\r\n", 400, "MALFORMED_HTTP"),
    "unknown method": (b"FOO / HTTP/1.1\r\n" + _HOST + b"\r\n", 400, "MALFORMED_HTTP"),
    "lower-case method": (b"get / HTTP/1.1\r\n" + _HOST + b"\r\n", 400, "MALFORMED_HTTP"),
    "bare line feeds": (b"GET / HTTP/1.1\nHost: x\n\n", 400, "MALFORMED_HTTP"),
    "no host": (b"GET /users HTTP/1.1\r\n\r\n", 400, "MALFORMED_HTTP"),
    **{
        f"host {host!r}": (b"GET /users HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 400, "MALFORMED_HTTP")
        for host in (b"a b", b"x/../y", b"user@x", b"[::1", b"x:y", b"x:99999999", b"\xff", b"[x]:1")
    },
    "two hosts": (_get(b"/users", b"Host: y\r\n"), 400, "MALFORMED_HTTP"),
    "space before colon": (_get(b"/users", b"A : b\r\n"), 400, "MALFORMED_HTTP"),
    "folded header": (_get(b"/users", b"A: b\r\n c\r\n"), 400, "MALFORMED_HTTP"),
    "NUL in a header": (_get(b"/users", b"A: b\x00\r\n"), 400, "MALFORMED_HTTP"),
    "NUL in the path": (_get(b"/users/\x00"), 400, "MALFORMED_HTTP"),
    "raw bytes in the path": (_get(b"/users/\xff\xfe"), 400, "MALFORMED_HTTP"),
    "space in the path": (_get(b"/users/a b"), 400, "MALFORMED_HTTP"),
    "CONNECT": (b"CONNECT example.com:443 HTTP/1.1\r\n" + _HOST + b"\r\n", 400, "MALFORMED_HTTP"),
    "absolute form without a path": (_get(b"http://x"), 400, "MALFORMED_HTTP"),
    "both lengths": (
        _POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "MALFORMED_HTTP",
    ),
    "two lengths": (_POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, "MALFORMED_HTTP"),
    "negative length": (_POST + b"Content-Length: -3\r\n\r\nabc", 400, "MALFORMED_HTTP"),
    "length of 24 digits": (_POST + b"Content-Length: 999999999999999999999999\r\n\r\n", 400, "MALFORMED_HTTP"),
    "another transfer encoding": (_POST + b"Transfer-Encoding: gzip\r\n\r\nabc", 400, "MALFORMED_HTTP"),
    "another coding before the chunks": (
        _POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "UNSUPPORTED_TRANSFER_CODING"),
    "another coding, on its own line": (
        _POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501, "UNSUPPORTED_TRANSFER_CODING"),
    "chunks in chunks": (
        _POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, "MALFORMED_HTTP"),
    "two types": (_post(b"{}", b"Content-Type: text/xml\r\n"), 400, "MALFORMED_HTTP"),
    "two request ids": (_get(b"/users", b"X-Request-ID: req_one_one\r\nX-Request-ID: req_two_two\r\n"),
                        400, "MALFORMED_HTTP"),
    "chunks in HTTP/1.0": (b"POST /users HTTP/1.0\r\n" + _JSON + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                           400, "MALFORMED_HTTP"),
    "bad chunk size": (_CHUNKED + b"zz\r\n", 400, "MALFORMED_HTTP"),
    "bad chunk size, later": (_CHUNKED + b"3\r\nabc\r\nzz\r\n", 400, "MALFORMED_HTTP"),
    "bad chunk that nobody reads": (_CHUNKED.replace(b"POST /users", b"DELETE /users/x") + b"zz\r\n",
                                    404, "USER_NOT_FOUND"),
    "half a body that nobody reads": (_POST.replace(b"POST /users", b"DELETE /users/x") + b"Content-Length: 9\r\n\r\nx",
                                      404, "USER_NOT_FOUND"),
    "chunk size overflow": (_CHUNKED + b"f" * 20 + b"\r\n", 400, "MALFORMED_HTTP"),
    "chunk without its end": (_CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n", 400, "MALFORMED_HTTP"),
    "header line too long": (_get(b"/users", b"A: " + b"b" * 20_000 + b"\r\n"), 431, "HEADERS_TOO_LARGE"),
    "endless header": (b"GET / HTTP/1.1\r\nA: " + b"b" * 2_000_000, 431, "HEADERS_TOO_LARGE"),
    "huge headers": (_get(b"/users", b"A: bbbbbbbb\r\n" * 40_000), 431, "HEADERS_TOO_LARGE"),
    "too many headers": (_get(b"/users", b"A: b\r\n" * 200), 431, "HEADERS_TOO_LARGE"),
    "query of 100 kB": (_get(b"/users?q=" + b"x" * 100_000), 414, "URI_TOO_LONG"),
    "path of 9 kB": (_get(b"/" + b"x" * 9_000), 414, "URI_TOO_LONG"),
    "body announced too large": (_POST + b"Content-Length: 10000000000\r\n\r\n{", 413, "BODY_TOO_LARGE"),
    "body sent too large": (_post(b'{"name": "' + b"x" * 3_000_000), 413, "BODY_TOO_LARGE"),
    "chunks too large": (_CHUNKED + (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 2, 413, "BODY_TOO_LARGE"),
    "too large, not sent": (_POST + b"Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n", 413, "BODY_TOO_LARGE"),
    "chunk extension for ever": (_CHUNKED + b"3;" + b"x" * 3_000_000, 413, "BODY_TOO_LARGE"),
    "half a head": (b"GET /users HTTP/1.1\r\nHo", 408, "REQUEST_TIMEOUT"),
    "half a body": (_POST + b'Content-Length: 20\r\n\r\n{"na', 408, "REQUEST_TIMEOUT"),
    "half a chunk": (_CHUNKED + b"10\r\nabc", 408, "REQUEST_TIMEOUT"),
    "trailer without end": (_CHUNKED + b"3\r\nabc\r\n0\r\nA: ", 408, "REQUEST_TIMEOUT"),
}  # fmt: skip


def _check(answer: raw.Answer, status: int, code: str) -> None:
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.error["request_id"] == answer.headers["x-request-id"]
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize("name", _FATAL)
def test_what_ends_a_connection(server: int, name: str) -> None:
    """A fatal request gets one answer in the envelope with a request id; then the server closes the connection without
    a reset."""
    sent, status, code = _FATAL[name]
    with raw.connection(server) as wire:
        raw.send(wire, sent)
        answers = raw.answers_until_closed(wire)
    assert len(answers) == 1, answers
    _check(answers[0], status, code)
    in_time = "half a body that nobody reads"  # this short body can still come, so the connection stays open
    assert answers[0].headers.get("connection") == (None if name == in_time else "close")
    assert answers[0].error["message"] != MalformedHttp.__doc__, "it says what is wrong"


_DELETE = b"DELETE /users/x HTTP/1.1\r\n" + _HOST

#: Requests that the server answers before their body has arrived, and whose body it will not read.
_UNREAD: dict[str, tuple[bytes, int]] = {
    "waiting for 100": (_DELETE + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 404),
    "waiting for 100, of another type": (
        b"POST /users HTTP/1.1\r\n" + _HOST + b"Expect: 100-continue\r\nContent-Encoding: gzip\r\n"
        b"Content-Length: 5\r\n\r\n", 415),
    "chunks": (_DELETE + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", 404),
    "too much to read": (_DELETE + b"Content-Length: 9000000\r\n\r\nx", 404),
}  # fmt: skip


@pytest.mark.parametrize("name", _UNREAD)
def test_an_answer_without_the_body_says_that_it_is_the_last(server: int, name: str) -> None:
    """An answer to a request whose body is not read carries `Connection: close`; otherwise a client might send its next
    request on the closed connection and not know whether that request was executed."""
    sent, status = _UNREAD[name]
    with raw.connection(server) as wire:
        wire.sendall(_get(b"/livez") + sent)
        first, answer = raw.answers_until_closed(wire)
    assert (first.status, first.headers.get("connection")) == (200, None)
    assert (answer.status, answer.headers.get("connection")) == (status, "close")


def test_a_body_that_comes_in_time_keeps_the_connection(server: int) -> None:
    """A chunked body that arrives in two pieces is read to its end, and the next request is answered on the same
    connection."""
    with raw.connection(server) as wire:
        wire.sendall(_CHUNKED + b"1\r\n{\r\n")
        wire.sendall(b"0\r\n\r\n")
        answer = raw.one_answer(wire)
        assert (answer.status, answer.headers.get("connection")) == (400, None)
        wire.sendall(_get(b"/livez"))
        assert raw.one_answer(wire).status == 200


_DEEP = 20_000

#: Well-formed HTTP whose content is refused: the server answers and keeps the connection open.
_HARMLESS: dict[str, tuple[bytes, int, str]] = {
    "no JSON": (_post(b"{"), 400, "MALFORMED_JSON"),
    "nothing": (_post(b""), 400, "MALFORMED_JSON"),
    "deep arrays": (_post(b"[" * _DEEP + b"]" * _DEEP), 422, "DOCUMENT_TOO_LARGE"),
    "deep arrays in a field": (_post(b'{"name":' + b"[" * _DEEP + b"]" * _DEEP + b"}"), 422, "DOCUMENT_TOO_LARGE"),
    "deep objects": (_post(b'{"a":' * 10_000 + b"1" + b"}" * 10_000), 422, "DOCUMENT_TOO_LARGE"),
    "deep in an unknown field": (_post(b'{"x":' + b"[" * 150 + b"]" * 150 + b"}"), 422, "MISSING_FIELD"),
    "not closed": (_post(b'{"name":' + b"[" * _DEEP), 422, "DOCUMENT_TOO_LARGE"),
    "an integer of 60,000 digits": (_post(b'{"name":' + b"9" * 60_000 + b',"email":"a@b.co"}'), 400, "MALFORMED_JSON"),
    "a float of 60,000 digits": (_post(b'{"name":0.' + b"9" * 60_000 + b',"email":"a@b.co"}'), 422, "INVALID_TYPE"),
    "a huge exponent": (_post(b'{"name":1e999999999,"email":"a@b.co"}'), 422, "INVALID_TYPE"),
    "a key twice": (_post(b'{"name":"A","name":"B","email":"a@b.co"}'), 400, "MALFORMED_JSON"),
    "a key twice, spelt otherwise": (_post(rb'{"name":"A","n\u0061me":"B","email":"a@b.co"}'), 400, "MALFORMED_JSON"),
    "NaN": (_post(b'{"name":NaN,"email":"a@b.co"}'), 422, "INVALID_TYPE"),
    "half a surrogate pair": (_post(rb'{"name":"\ud800","email":"a@b.co"}'), 400, "MALFORMED_JSON"),
    "half a surrogate pair as a key": (_post(rb'{"\udfff":1,"name":"A","email":"a@b.co"}'), 400, "MALFORMED_JSON"),
    "UTF-16": (_post('{"name":"A","email":"a@b.co"}'.encode("utf-16")), 400, "MALFORMED_JSON"),
    "bytes that are no text": (_post(b'{"name":"\xff","email":"a@b.co"}'), 400, "MALFORMED_JSON"),
    "after the JSON": (_post(b'{"name":"A","email":"a@b.co"}x'), 400, "MALFORMED_JSON"),
    "ten thousand unknown fields": (
        _post(b"{" + b",".join(b'"%d":1' % n for n in range(6_000)) + b"}"), 422, "MISSING_FIELD"),
    "another type": (b"POST /users HTTP/1.1\r\n" + _HOST + b"Content-Length: 2\r\nContent-Type: text/xml\r\n\r\n{}",
                     415, "UNSUPPORTED_MEDIA_TYPE"),
    "no type": (b"POST /users HTTP/1.1\r\n" + _HOST + b"Content-Length: 2\r\n\r\n{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
    "no JSON, waiting for 100": (_post(b"{", b"Expect: 100-continue\r\n"), 400, "MALFORMED_JSON"),
    "encoded NUL": (_get(b"/users/%00"), 404, "PATH_NOT_FOUND"),
    "encoded rubbish": (_get(b"/users/%ff%fe%c0%80"), 404, "USER_NOT_FOUND"),
    "encoded slashes": (_get(b"/users/..%2f..%2fetc%2fpasswd"), 404, "PATH_NOT_FOUND"),
    "an encoded slash for a slash": (_get(b"/users%2F0198c0de-0000-7000-8000-000000000001"), 404, "PATH_NOT_FOUND"),
    "half an encoding": (_get(b"/users/%z%"), 404, "USER_NOT_FOUND"),
    "absolute form": (_get(b"http://elsewhere/nothing"), 404, "PATH_NOT_FOUND"),
    "another protocol": (_get(b"/nothing", b"Upgrade: websocket\r\nConnection: Upgrade\r\n"), 404, "PATH_NOT_FOUND"),
    "another protocol, with a body": (_post(b"[]", b"Upgrade: h2c\r\nConnection: Upgrade\r\n"), 422, "INVALID_BODY"),
    "TRACE": (b"TRACE /users HTTP/1.1\r\n" + _HOST + b"\r\n", 405, "METHOD_NOT_ALLOWED"),
    "a long cursor": (_get(b"/users?cursor=" + b"x" * 7_000), 422, "INVALID_CURSOR"),
    "text where a number belongs": (_get(b"/users?limit=%00"), 422, "INVALID_PARAMETER"),
    "a header that is no text": (_get(b"/nothing", b"Accept: \xff\xfe\r\n"), 404, "PATH_NOT_FOUND"),
    "an insane request id": (_get(b"/nothing", b"X-Request-ID: <script>\r\n"), 404, "PATH_NOT_FOUND"),
    "blanks after a value": (_get(b"/nothing", b"X-Request-Timeout-Ms:\t 30000 \t \r\n"), 404, "PATH_NOT_FOUND"),
    "blanks after all values": (
        _post(b"{}", b"X-Expire-After-Ms: 1000 \t\r\nX-Request-Timeout-Ms: 9000\t\r\nContent-Encoding: identity \r\n"),
        422, "MISSING_FIELD"),
    "a blank inside a value": (_get(b"/nothing", b"X-Request-Timeout-Ms: 30 00\r\n"), 422, "INVALID_REQUEST_TIMEOUT"),
    "trailers": (_CHUNKED + b"1\r\n{\r\n0\r\nX-Request-ID: req_from_a_trailer\r\n\r\n", 400, "MALFORMED_JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", _HARMLESS)
def test_what_a_connection_survives(server: int, name: str) -> None:
    """A harmless bad request gets one error in the envelope, and the next request on the same connection succeeds."""
    sent, status, code = _HARMLESS[name]
    answers: list[raw.Answer] = []

    def answered() -> bool:
        with raw.connection(server) as wire:
            wire.sendall(sent + b"GET /livez HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n")
            answers[:] = raw.answers_until_closed(wire)
        return answers[0].status != 503  # the server sheds load on a busy machine

    wait_until(answered, what="not shed")
    assert [answer.status for answer in answers] == [status, 200]
    _check(answers[0], status, code)


def test_the_server_as_a_whole_may_be_asked_what_it_takes(server: int) -> None:
    """`OPTIONS *`, which concerns the whole server, gets 204 without a body, and the connection stays open."""
    with raw.connection(server) as wire:
        wire.sendall(
            b"OPTIONS * HTTP/1.1\r\n" + _HOST + b"\r\nGET /livez HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n"
        )
        assert [answer.status for answer in raw.answers_until_closed(wire)] == [204, 200]


def test_an_http_1_0_client_gets_no_interim_answer(server: int) -> None:
    """An HTTP/1.0 client gets no `100 Continue`, which it would take for the final answer; its Expect header is ignored
    (RFC 9110, 10.1.1)."""
    with raw.connection(server) as wire:
        wire.sendall(_post(b"{", b"Expect: 100-continue\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"))
        received = wire.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 400 "), received


def test_the_callers_id_is_on_the_answer_to_what_was_no_request(server: int) -> None:
    """The answer to a malformed request carries the caller's request id if the headers could be parsed."""
    with raw.connection(server) as wire:
        wire.sendall(_CHUNKED.replace(_HOST, _HOST + b"X-Request-ID: req_of_the_caller\r\n") + b"zz\r\n")
        assert raw.answers_until_closed(wire)[0].error["request_id"] == "req_of_the_caller"


def test_garbage_behind_good_requests_waits_for_their_answers(server: int) -> None:
    """Pipelined good requests are answered in order, garbage behind them gets one error, and then the connection is
    closed."""
    with raw.connection(server) as wire:
        wire.sendall(_get(b"/livez") + _get(b"/users") + b"GARBAGE\r\n\r\n" + _get(b"/livez"))
        answers = raw.answers_until_closed(wire)
    assert [answer.status for answer in answers] == [200, 200, 400]
    _check(answers[-1], 400, "MALFORMED_HTTP")


def test_a_broken_body_behind_a_good_request(server: int) -> None:
    """A request whose body is malformed is refused, and the good request before it on the same connection is
    answered."""
    with raw.connection(server) as wire:
        wire.sendall(_get(b"/users") + _CHUNKED + b"zz\r\n")
        answers = raw.answers_until_closed(wire)
    assert [answer.status for answer in answers] == [200, 400]


def test_nothing_runs_after_the_last_word(server: int) -> None:
    """A complete request behind one that ended the connection is not executed, because it could not be answered."""

    def accepted() -> str:
        lines = fetch("GET", f"http://127.0.0.1:{server}/metrics").text.splitlines()
        return next(line for line in lines if line.startswith('holdfast_writes_accepted_total{result="accepted"}'))

    before = accepted()
    with raw.connection(server) as wire:
        wire.sendall(_CHUNKED + b"20000\r\n" + b"x" * 0x20000)
        assert raw.one_answer(wire).status == 413
        raw.send(wire, b"\r\n0\r\n\r\n" + _post(b'{"name":"Ada","email":"ada.behind@example.com"}'))
        assert raw.answers_until_closed(wire) == []
    assert accepted() == before


def test_too_many_at_once(server: int) -> None:
    """A flood of pipelined requests is ended with a 400 after the first requests have been answered."""
    with raw.connection(server) as wire:
        raw.send(wire, _get(b"/livez") * 5_000)
        answers = raw.answers_until_closed(wire)
    assert [answer.status for answer in answers] == [200] * (len(answers) - 1) + [400]
    assert 10 < len(answers) < 30


def test_drop_by_drop(server: int) -> None:
    """A client that sends single headers slowly does not extend its timeout: it gets 408."""
    with raw.connection(server) as wire:
        wire.settimeout(_PATIENCE_S / 10)
        wire.sendall(b"GET /users HTTP/1.1\r\n")
        received = b""
        for _ in range(100):
            raw.send(wire, b"A: b\r\n")
            try:
                received += wire.recv(65536)
                break
            except TimeoutError:
                continue
    assert received.startswith(b"HTTP/1.1 408 ")
    assert b"REQUEST_TIMEOUT" in received


@pytest.mark.parametrize("sent", [b"", b"\r\n\r\n"], ids=["nothing", "empty lines"])
@pytest.mark.parametrize("first", [True, False], ids=["at first", "after a request"])
def test_who_says_nothing_gets_no_answer(server: int, sent: bytes, first: bool) -> None:
    """A connection without a request is closed without an answer. After a request it may be idle for longer, but empty
    lines do not extend that."""
    with raw.connection(server) as wire:
        if not first:
            wire.sendall(_get(b"/livez"))
            assert raw.one_answer(wire).status == 200
        wire.sendall(sent)
        if sent or first:
            assert raw.answers_until_closed(wire) == []
        else:
            wire.sendall(_get(b"/livez"))
            assert raw.one_answer(wire).status == 200


def test_a_head_and_a_body_in_single_bytes(server: int) -> None:
    """A request that arrives byte by byte is answered normally."""
    with raw.connection(server) as wire:
        for byte in _post(b"{"):
            wire.sendall(bytes([byte]))
        _check(raw.one_answer(wire), 400, "MALFORMED_JSON")


def test_who_leaves_in_the_middle(server: int) -> None:
    """When a client disconnects in the middle of a request, with or without a reset, the server closes the
    connection."""

    def open_connections() -> int:
        listing = Path("/proc/net/tcp").read_text().splitlines()
        return sum(f":{server:04X} " in line.split()[1] + " " and line.split()[3] == "01" for line in listing[1:])

    for linger in (False, True):
        with raw.connection(server) as wire:
            wire.sendall(_POST + b"Content-Length: 20\r\n\r\n{")
            if linger:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    wait_until(lambda: open_connections() == 0, what="the connections are gone")


def test_when_there_are_too_many_connections(server: int) -> None:
    """Above the connection limit, a new request gets 503 in the envelope while health requests are answered. Requests
    succeed again after the other connections have closed."""
    url = f"http://127.0.0.1:{server}"
    with ExitStack() as stack:
        wires = [stack.enter_context(raw.connection(server)) for _ in range(_CONNECTIONS_MAX)]
        for wire in wires:
            wire.sendall(_get(b"/livez"))
            assert raw.one_answer(wire).status == 200
        refused = fetch("POST", f"{url}/users", json={"name": "Ada", "email": "ada@example.com"})
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "OVERLOADED")
        assert int(refused.headers["retry-after"]) >= 1
        assert fetch("GET", f"{url}/livez").status_code == 200
        wires[0].sendall(_get(b"/users"))
        assert raw.one_answer(wires[0]).status == 200
    wait_until(lambda: fetch("GET", f"{url}/users").status_code == 200, what="there is room again")


def test_a_flood_of_connections(server: int) -> None:
    """Connections far above the limit are closed without an answer, and requests succeed again after the flood."""
    with ExitStack() as stack:
        for _ in range(_CONNECTIONS_MAX + 64):
            stack.enter_context(raw.connection(server))
        last = stack.enter_context(raw.connection(server))
        raw.send(last, _get(b"/livez"))
        with suppress(ConnectionResetError):
            assert raw.answers_until_closed(last) == []
    wait_until(lambda: fetch("GET", f"http://127.0.0.1:{server}/users").status_code == 200, what="there is room again")


def test_a_trailer_is_no_header(server: int) -> None:
    """A trailer does not replace a header such as the request id."""
    sent, *_ = _HARMLESS["trailers"]
    with raw.connection(server) as wire:
        wire.sendall(sent)
        assert raw.one_answer(wire).error["request_id"].startswith("req_0")


def test_every_refusal_is_counted(server: int) -> None:
    """Refusals before routing are counted in the metrics under their codes, with the route `unmatched`."""
    text = fetch("GET", f"http://127.0.0.1:{server}/metrics").text
    for code in ("MALFORMED_HTTP", "HEADERS_TOO_LARGE", "URI_TOO_LONG", "REQUEST_TIMEOUT"):
        assert f'code="{code}"' in text
    assert json.dumps("unmatched") in text
