"""The time limit for a body depends on the purpose of the request."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from holdfast.services.dlq_admin.settings import IMPORT_PATH, DlqAdminSettings
from holdfast.shared.http.app import service_app
from holdfast.shared.http.body import read_body
from holdfast.shared.http.health import Health
from holdfast.shared.http.server import QuietServer, config
from holdfast.shared.runtime.bounds import Bounds
from tests.servers import free_port

_WAIT_S = 30


def _routes(app: FastAPI) -> None:
    @app.post("/usual")
    @app.post("/slow")
    async def echo(request: Request, a: str = "") -> Response:
        return Response(await read_body(request), headers={"X-Asked": a})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """The port of a server that waits longer for the bodies of one path."""
    bounds = Bounds(body_s=0.3, slow_paths=frozenset({b"/slow"}), slow_body_s=_WAIT_S)
    app = service_app(
        Health("test"), title="t", description="d", version="0", add_routes=_routes, timeout_s=2 * _WAIT_S
    )  # fmt: skip
    port = free_port()
    server = QuietServer(config(app, "127.0.0.1", port, drain_s=1, bounds=bounds))
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(_WAIT_S):
        while not server.started:
            await asyncio.sleep(0.01)
    yield port
    server.should_exit = True
    async with asyncio.timeout(_WAIT_S):
        await running


async def test_only_bodies_that_may_be_large_may_take_long(port: int) -> None:
    """Half a body gets 408 on a path with small bodies, while the server still waits for one on a path with large
    bodies."""

    async def half(target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello".encode())
        return reader, writer

    async with asyncio.timeout(_WAIT_S):
        slow, slow_writer = await half("/slow?a=/usual")
        for target in ("/usual", "/usual?a=/slow"):
            usual, usual_writer = await half(target)
            assert (await usual.readline()).split()[1] == b"408", target
            usual_writer.close()
        slow_writer.write(b"world")
        assert (await slow.readline()).split()[1] == b"200"
        assert (await slow.readuntil(b"helloworld")).endswith(b"\r\n\r\nhelloworld")
        slow_writer.close()


@pytest.mark.parametrize("size", [1024, 2**24, 2**30])
def test_dlq_admin_waits_for_files_alone(size: int) -> None:
    """In dlq_admin only the import of files has a longer time limit for its body, which grows with the permitted size;
    every other route has the usual limit."""
    settings = DlqAdminSettings.model_construct(dlq_import_max_bytes=size)
    bounds = settings.bounds
    for target in (b"/dlq/replays", b"/console/login", b"/", b"*"):
        assert bounds.body_s_at(target) == settings.http_request_timeout_s
    assert bounds.body_s_at(IMPORT_PATH.encode() + b"?why=x") >= settings.http_request_timeout_s + size / 2**20
