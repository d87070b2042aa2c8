"""The edge: whatever happens inside, the answer is whole and tells nothing it should not."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import Response

from shared.http.app import service_app
from shared.http.health import Health


def crashing_app() -> FastAPI:
    """A service with a handler that has a bug."""
    app = service_app(Health("test"), title="t", description="d", version="0")

    @app.get("/crash")
    async def crash(_: Request) -> Response:
        raise RuntimeError("SELECT * FROM users WHERE password = 'hunter2'")

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """Its client; an exception that got out of the app would get out of the client too."""
    transport = httpx.ASGITransport(crashing_app(), raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_crash_is_answered_in_the_envelope(client: httpx.AsyncClient) -> None:
    """500 with the request id, and not a word of what went wrong."""
    answer = await client.get("/crash", headers={"X-Request-ID": "req_crash_test"})
    error = answer.json()["error"]
    assert (answer.status_code, error["type"], error["request_id"]) == (500, "internal_error", "req_crash_test")
    assert answer.headers["x-request-id"] == "req_crash_test"
    assert error["definite"] is False
    for secret in ("SELECT", "hunter2", "Traceback", "RuntimeError"):
        assert secret not in answer.text


async def test_the_service_goes_on_and_counts(client: httpx.AsyncClient) -> None:
    """Twice in a row, then a healthy answer; both are in the metrics."""
    before = REGISTRY.get_sample_value("holdfast_panics_total") or 0
    for _ in range(2):
        await client.get("/crash")
    assert (await client.get("/livez")).status_code == 200
    assert REGISTRY.get_sample_value("holdfast_panics_total") == before + 2
    counted = {"route": "/crash", "method": "GET", "status": "500"}
    assert (REGISTRY.get_sample_value("holdfast_http_requests_total", counted) or 0) >= 2


async def test_a_path_never_becomes_a_label(client: httpx.AsyncClient) -> None:
    """Unknown paths are counted together."""
    await client.get("/some/secret/path")
    samples = [sample for metric in REGISTRY.collect() for sample in metric.samples]
    assert all("secret" not in value for sample in samples for value in sample.labels.values())
