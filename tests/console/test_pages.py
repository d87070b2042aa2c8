"""Pages that need no store, and error pages: each keeps its navigation and a link to continue."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from tests import keys


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is logged in as an operator, at a dlq_admin whose stores do not exist."""
    admin = DlqAdmin(
        DlqAdminSettings(
            redis_addr="127.0.0.1:1", db_dsn="mysql://nobody:nothing@127.0.0.1:1/none",
            keys_file=keys.written_to(tmp_path),
        )
    )  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(admin.http()), base_url="http://dlq") as client:
        await client.post("/console/login", data={"key": keys.OPERATOR})
        yield client


@pytest.mark.parametrize(
    ("path", "status"),
    [("/console/runbooks", 200), ("/console/runbooks/HoldfastBreakerOpen", 200), ("/console/runbooks/none", 404),
     ("/console/breakers", 200), ("/console", 200), ("/console/nowhere", 404), ("/console/audit/1", 503),
     ("/console/what-if", 422), ("/console/transforms?selection=x", 400), ("/console/discards?scope=ticked", 422),
     ("/console/epochs", 503), ("/console/letters/1-1/edit", 503), ("/console/search", 200),
     ("/console/requests?id=req_123456789", 200)],
)  # fmt: skip
async def test_every_page_keeps_navigation_and_alerts(browser: httpx.AsyncClient, path: str, status: int) -> None:
    """Every page has navigation and alerts whatever went wrong, and an error page links back to the page with the link
    to it."""
    page = await browser.get(path, headers={"Referer": "http://dlq/console/letters?state=dead"})
    assert page.status_code == status, page.text
    assert 'aria-label="Main"' in page.text
    assert 'id="alerts"' in page.text
    assert ".:" not in page.text.partition("</title>")[0]
    assert ('href="/console/letters?state=dead">Back' in page.text) == (status >= 400)
    elsewhere = await browser.get(path, headers={"Referer": "http://elsewhere/console/letters"})
    assert ">Back<" not in elsewhere.text


@pytest.mark.parametrize("path", ["what-if", "transforms", "replays/new", "discards", "restores"])
async def test_an_address_prepares_and_never_confirms(browser: httpx.AsyncClient, path: str) -> None:
    """A page with any parameters prepares an action, and no link alone makes or reveals anything."""
    group = '{"fingerprint": "0123456789abcdef"}'
    asked = {"selection": group, "act": "make", "go": "yes", "reveal": "a link", "reason": "a link",
             "expected_count": "1", "patch": "[]"}  # fmt: skip
    page = await browser.get(f"/console/{path}", params=asked)
    assert page.status_code in (422, 503), page.text
    assert "It is not known whether it happened" not in page.text


def test_no_page_hides_another(tmp_path: Path) -> None:
    """The first console route that matches an address is the address's own route."""
    admin = DlqAdmin(
        DlqAdminSettings(
            redis_addr="127.0.0.1:1", db_dsn="mysql://nobody:nothing@127.0.0.1:1/none",
            keys_file=keys.written_to(tmp_path),
        )
    )  # fmt: skip
    routes = [each for each in admin.http().routes if isinstance(each, APIRoute) and each.path.startswith("/console")]
    assert len(routes) > 40
    for route in routes:
        for method in route.methods:
            address = re.sub(r"{[^}]+}", "1-1", route.path)
            scope = {"type": "http", "path": address, "method": method, "headers": []}
            first = next(each for each in routes if each.matches(scope)[0] is Match.FULL)
            assert first.path == route.path, (method, address)
