"""Access: every route with every kind of key. The routes are taken from the application, so new ones are tested too."""

import re
from collections.abc import Iterator

import httpx
import pytest
from fastapi.routing import APIRoute

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from tests import keys

_OPEN = {"/livez", "/readyz", "/health", "/docs", "/docs/start.js", "/docs/swagger-ui.js", "/docs/swagger-ui.css"}
#: The exceptions from the rule that a GET needs `view` and any other method `operate`.
_MORE = {
    ("GET", "/dlq/export"): "operate", ("POST", "/dlq/import"): "admin", ("PUT", "/faults/{fault}"): "announce",
    ("DELETE", "/faults/{fault}"): "announce", ("PUT", "/recoveries/{fault}"): "announce",
    ("POST", "/alerts"): "announce", ("POST", "/dlq/search"): "view",
}  # fmt: skip
_OPERATOR = {"view", "announce", "operate"}
_KEYS: dict[str | None, set[str]] = {
    None: set(), "nonsense": set(), keys.READER: set(), keys.WRITER: set(), keys.VIEWER: {"view"},
    keys.ANNOUNCER: {"announce"}, keys.OPERATOR: _OPERATOR, keys.ADMIN: _OPERATOR | {"admin"},
}  # fmt: skip


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> DlqAdmin:
    """A dlq_admin whose stores do not exist, so that a request that is let in fails at once."""
    return DlqAdmin(
        DlqAdminSettings(
            redis_addr="127.0.0.1:1", db_dsn="mysql://nobody:nothing@127.0.0.1:1/none",
            keys_file=keys.written_to(tmp_path_factory.mktemp("keys")),
        )
    )  # fmt: skip


@pytest.fixture
async def client(admin: DlqAdmin) -> "Iterator[httpx.AsyncClient]":
    """A client of the application, without a server."""
    transport = httpx.ASGITransport(admin.http())
    async with httpx.AsyncClient(transport=transport, base_url="http://dlq") as client:
        yield client


def _for_people(path: str) -> bool:
    """Return whether a path is for people or for scraping: the console has a login, and tests/console requests its
    routes; metrics have a port of their own."""
    return path in ("/", "/metrics") or path.startswith("/console")


def _routes(admin: DlqAdmin) -> list[tuple[str, str]]:
    found = [(method, route.path) for route in admin.http().routes if isinstance(route, APIRoute)
             for method in route.methods if not _for_people(route.path)]  # fmt: skip
    assert ("POST", "/dlq/discards") in found
    return found


async def test_every_route_with_every_key(admin: DlqAdmin, client: httpx.AsyncClient) -> None:
    """A request without a key or with an unknown one gets 401, one with a key that lacks the scope gets 403, and one
    with the scope is let in."""
    for method, path in _routes(admin):
        needed = None if path in _OPEN else _MORE.get((method, path), "view" if method == "GET" else "operate")
        url = re.sub(r"\{\w+\}", "1764000000000-1", path)
        for key, scopes in _KEYS.items():
            answer = await client.request(method, url, headers=keys.bearer(key) if key else {}, content=b"{}")
            seen = (method, path, key, answer.status_code)
            if needed is None and key != "nonsense":
                assert answer.status_code in (200, 503), seen
            elif key in (None, "nonsense"):  # an unknown key has to wait after some tries
                assert answer.status_code in ((401,) if key is None else (401, 429)), seen
            elif needed not in {None, *scopes}:
                assert answer.status_code == 403, seen
            else:
                assert answer.status_code not in (401, 403), seen
                assert answer.status_code < 500 or answer.json()["error"]["code"] != "INTERNAL_ERROR", seen


async def test_seeing_in_clear_is_an_operator_s(client: httpx.AsyncClient) -> None:
    """A viewer may read a letter, but only an operator may reveal it."""
    url = "/dlq/letters/1764000000000-1?reveal=curious"
    assert (await client.get(url, headers=keys.bearer(keys.VIEWER))).status_code == 403
    assert (await client.get(url, headers=keys.bearer(keys.OPERATOR))).status_code == 503


async def test_only_a_key_learns_what_is_not_there(client: httpx.AsyncClient) -> None:
    """A path without a route is a 401 without a key, and a 404 with one."""
    assert (await client.get("/dlq/nothing")).status_code == 401
    assert (await client.get("/dlq/nothing", headers=keys.bearer(keys.VIEWER))).status_code == 404


async def test_metrics_are_not_on_the_public_side(admin: DlqAdmin) -> None:
    """Metrics are served at their own port only, which is not published, and need no key there."""
    transport = httpx.ASGITransport(admin.http())
    async with httpx.AsyncClient(transport=transport) as client:
        public = await client.get("http://dlq:8082/metrics", headers=keys.bearer(keys.ADMIN))
        assert (public.status_code, public.json()["error"]["code"]) == (404, "PATH_NOT_FOUND")
        inside = await client.get("http://dlq:8083/metrics")
        assert (inside.status_code, "holdfast_build_info" in inside.text) == (200, True)
