"""The edge: whatever happens inside, the answer is complete and reveals nothing internal."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from holdfast.shared.http.app import service_app
from holdfast.shared.http.body import read_body
from holdfast.shared.http.degraded import copies_allowed
from holdfast.shared.http.health import Health
from holdfast.shared.resilience import deadline

#: The request timeout of the service in most tests, and in the tests in which a handler hangs.
_PATIENT_S, _HASTY_S = 25.0, 0.5


def crashing_app(timeout_s: float) -> FastAPI:
    """Return a service with handlers that hang, crash, or return what the edge has read."""
    app = service_app(Health("test"), title="t", description="d", version="0", timeout_s=timeout_s, wait_max_s=30)

    @app.api_route("/hang", methods=["GET", "POST"])
    async def hang(_: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError("never")

    @app.api_route("/left", methods=["GET", "POST"])
    async def left(_: Request) -> Response:
        return Response(str(deadline.remaining_s()))

    @app.api_route("/deep/{rest:path}", methods=["GET", "POST"])
    async def deep(_: Request) -> Response:
        return Response()

    @app.get("/wanted")
    async def wanted(request: Request) -> Response:
        return Response(f"{copies_allowed(request)} {'explain' in request.scope}")

    @app.post("/body")
    async def body(request: Request) -> Response:
        await read_body(request)
        return await hang(request)

    @app.get("/crash")
    async def crash(_: Request) -> Response:
        raise RuntimeError("SELECT * FROM users WHERE password = 'hunter2'")

    return app


@pytest.fixture
async def client(request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service. An exception that escapes from the app escapes from the client too."""
    timeout_s = getattr(request, "param", _PATIENT_S)
    transport = httpx.ASGITransport(crashing_app(timeout_s), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_crash_is_answered_in_the_envelope(client: httpx.AsyncClient) -> None:
    """A handler that crashes is answered with 500 and the request id, without any detail of the exception."""
    answer = await client.get("/crash", headers={"X-Request-ID": "req_crash_test"})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["request_id"]) == (500, "internal_error", "req_crash_test")
    assert answer.headers["x-request-id"] == "req_crash_test"
    assert error["definite"] is False
    for secret in ("SELECT", "hunter2", "Traceback", "RuntimeError"):
        assert secret not in answer.text


async def test_the_service_goes_on_and_counts(client: httpx.AsyncClient) -> None:
    """The service answers as usual after two crashes in a row, and its metrics count both."""
    before = REGISTRY.get_sample_value("holdfast_panics_total") or 0
    for _ in range(2):
        await client.get("/crash")
    assert (await client.get("/livez")).status_code == 200
    assert REGISTRY.get_sample_value("holdfast_panics_total") == before + 2
    counted = {"route": "/crash", "method": "GET", "status": "500"}
    assert (REGISTRY.get_sample_value("holdfast_http_requests_total", counted) or 0) >= 2


async def test_a_path_never_becomes_a_label(client: httpx.AsyncClient) -> None:
    """No metric has a requested path as a label; unknown paths are counted together."""
    await client.get("/some/secret/path")
    samples = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    assert all("secret" not in value for sample in samples for value in sample.labels.values())


@pytest.mark.parametrize("client", [_HASTY_S], indirect=True)
@pytest.mark.parametrize(
    ("method", "code", "definite"), [("GET", "DEADLINE_EXCEEDED", True), ("POST", "ANSWER_OVERDUE", False)]
)
async def test_what_hangs_is_answered_in_time(
    client: httpx.AsyncClient, method: str, code: str, definite: bool
) -> None:
    """A request that hangs is answered with 504 in time: definite for a read, indefinite for a write."""
    answer = await client.request(method, "/hang")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["definite"]) == (504, code, definite)
    assert "x-request-id" in answer.headers


@pytest.mark.parametrize("client", [_HASTY_S], indirect=True)
async def test_a_ready_answer_is_not_withdrawn(client: httpx.AsyncClient) -> None:
    """An answer that is ready in time is sent, even if its client begins to read it after the time limit."""
    app = crashing_app(_HASTY_S)

    async def read_late(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_late(message: Message) -> None:
            await asyncio.create_task(client.get("/hang"))  # takes a whole time limit
            await send(message)

        await app(scope, receive, send_late)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(read_late), base_url="http://test") as late:
        assert (await late.post("/left")).status_code == 200


@pytest.mark.parametrize("client", [_HASTY_S], indirect=True)
@pytest.mark.parametrize(("whole", "status", "code"), [(False, 408, "REQUEST_TIMEOUT"), (True, 504, "ANSWER_OVERDUE")])
@pytest.mark.parametrize("headers", [{}, {"X-Request-Timeout-Ms": "300"}])
async def test_a_write_whose_body_is_not_here_did_not_happen(
    client: httpx.AsyncClient, whole: bool, status: int, code: str, headers: dict[str, str]
) -> None:
    """A write whose body does not arrive gets a definite 408. A write that hangs after its body was read gets an
    indefinite 504."""

    async def content() -> AsyncIterator[bytes]:
        yield b"{"
        if not whole:
            await asyncio.Event().wait()

    answer = await client.post("/body", content=content(), headers=headers)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["definite"]) == (status, code, not whole)


async def test_a_caller_may_lower_the_deadline_and_not_raise_it(client: httpx.AsyncClient) -> None:
    """A caller's timeout can lower the deadline of a request but not raise it. Only a write may raise it, by `Prefer:
    wait`, up to a maximum."""

    async def left(method: str = "GET", **headers: str) -> float:
        return float((await client.request(method, "/left", headers=headers)).text)

    assert await left(**{"X-Request-Timeout-Ms": "15000"}) <= 15
    assert 15 < await left(**{"X-Request-Timeout-Ms": "30000"}) <= _PATIENT_S
    assert _PATIENT_S + 10 < await left("POST", Prefer="wait=20") <= _PATIENT_S + 20
    for longest in ("wait=9999", "wait=99999999999999999999", "wait=" + "9" * 5000, "wait=" + "0" * 5000 + "30"):
        assert _PATIENT_S + 20 < await left("POST", Prefer=longest) <= _PATIENT_S + 30
    twice = await client.post("/left", headers=[("Prefer", "wait=20"), ("Prefer", "wait=2")])
    assert _PATIENT_S + 10 < float(twice.text) <= _PATIENT_S + 20
    for wait in ("wait=20", "wait=9999", "respond-async, wait=10"):
        assert 15 < await left("GET", Prefer=wait) <= _PATIENT_S


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("path", ["/deep%2Fleft", "/deep%2fleft", "/deep/left%00", "/deep/..%5Cleft", "/deep/%2F"])
async def test_an_encoded_separator_is_none(client: httpx.AsyncClient, method: str, path: str) -> None:
    """A path with an encoded separator gets 404 with every method, because a proxy that filters by path would see
    another path than the service."""
    assert (await client.post("/deep/left%20")).status_code == 200
    answer = await client.request(method, path)
    assert answer.status_code == 404
    if method != "HEAD":
        error = answer.json()["error"]
        assert (error["code"], error["details"]) == ("PATH_NOT_FOUND", {"path": path})


@pytest.mark.parametrize("value", ["0", "-1", "49", "30001", "1e3", "", "9" * 50, "\u0663"])
async def test_a_deadline_that_makes_no_sense_is_refused(client: httpx.AsyncClient, value: str) -> None:
    """A request timeout that is malformed or out of range gets 422 INVALID_REQUEST_TIMEOUT."""
    answer = await client.get("/left", headers={"X-Request-Timeout-Ms": value.encode()})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "INVALID_REQUEST_TIMEOUT")


@pytest.mark.parametrize("name", ["X-Allow-Fallback", "X-Explain"])
@pytest.mark.parametrize("value", ["maybe", "", "2", "true, false", "\u0663"])
async def test_what_is_neither_true_nor_false_is_refused(client: httpx.AsyncClient, name: str, value: str) -> None:
    """A boolean header with any other value gets 422, with its name and the allowed values in the details."""
    answer = await client.get("/wanted", headers={name: value.encode()})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (422, "validation_error", "INVALID_HEADER")
    assert error["details"]["field"] == name
    assert "true" in error["details"]["constraint"]
    assert "false" in error["details"]["constraint"]


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, "True False"),
        ({"X-Allow-Fallback": "false"}, "False False"),
        ({"X-Allow-Fallback": "No", "X-Explain": "1"}, "False True"),
        ({"X-Allow-Fallback": "YES", "X-Explain": "false"}, "True False"),
    ],
)
async def test_what_is_true_or_false_is_obeyed(client: httpx.AsyncClient, headers: dict[str, str], wanted: str) -> None:
    """Boolean headers are obeyed in their usual spellings, and an X-Explain of false asks for nothing."""
    assert (await client.get("/wanted", headers=headers)).text == wanted


async def test_an_empty_key_is_no_missing_key(client: httpx.AsyncClient) -> None:
    """An empty API key gets 401 with the name of the header, even where no key is required, so that a caller that lost
    its key is not served as anonymous."""
    answer = await client.get("/wanted", headers={"X-API-Key": ""})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["code"]) == (401, "authentication_error", "NOT_AUTHENTICATED")
    assert error["details"]["field"] == "X-API-Key"
