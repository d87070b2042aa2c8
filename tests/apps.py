"""Every service as an application in this process, with no store and no other service behind it: its errors are answers
that tests can check."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from unittest import mock

import httpx
from aiohttp import ClientSession
from fastapi import FastAPI
from redis.asyncio.connection import AbstractConnection
from starlette.routing import Route

from holdfast.services.api.app import make_app as make_api
from holdfast.services.api.settings import ApiSettings
from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.services.external_proxy.app import make_app as make_proxy
from holdfast.services.external_proxy.settings import ProxySettings
from holdfast.services.writer.app import Writer
from holdfast.services.writer.settings import WriterSettings
from holdfast.shared.http.client import HttpClient
from tests import keys

_NOWHERE = "127.0.0.1:1"
_STORES = {"redis_addr": _NOWHERE, "db_dsn": f"mysql://nobody:nothing@{_NOWHERE}/none"}
SERVICES = ("api", "writer", "dlq_admin", "external_proxy")


def make(service: str, folder: Path, **more: object) -> FastAPI:
    """Return the application of one of SERVICES, with the keys of `tests/keys.py`."""
    same = {"redis_addr": _NOWHERE, "profile": "demo", "keys_file": keys.written_to(folder)} | more
    match service:
        case "api":
            return make_api(ApiSettings(**_STORES | {"api_external_proxy_url": f"http://{_NOWHERE}"} | same))
        case "writer":
            return Writer(WriterSettings(**_STORES | same)).http()
        case "dlq_admin":
            return DlqAdmin(DlqAdminSettings(**_STORES | same)).http()
        case _:
            return make_proxy(ProxySettings(**same, proxy_third_party_url=f"http://{_NOWHERE}"))


@asynccontextmanager
async def client_of(app: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that sends `headers` with every request. The application never runs its start and stop hooks, so
    its HTTP clients and its connections to Redis are closed here."""
    used, session = set(), HttpClient._session
    connected, greet = set(), AbstractConnection.on_connect_check_health

    def seen(client: HttpClient) -> ClientSession:
        used.add(client)
        return session(client)

    async def greeted(connection: AbstractConnection, check_health: bool = True) -> None:
        connected.add(connection)
        await greet(connection, check_health)

    transport = httpx.ASGITransport(app)
    client = httpx.AsyncClient(transport=transport, base_url="http://test", timeout=30, headers=headers)
    with (
        mock.patch.object(HttpClient, "_session", seen),
        mock.patch.object(AbstractConnection, "on_connect_check_health", greeted),
    ):
        try:
            async with client:
                yield client
        finally:
            for each in used:
                await each.close()
            for connection in connected:
                await connection.disconnect()


def paths(app: FastAPI, method: str) -> list[str]:
    """Return the path of every route with this method, parameters replaced by their names."""
    routes = [route for route in app.routes if isinstance(route, Route)]
    found = {route.path for route in routes if method in (route.methods or ())}
    return sorted(path.replace("{", "").replace("}", "").replace(":path", "") for path in found)
