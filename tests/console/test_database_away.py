"""The console while the database is away: recent dead letters are listed from the stream, and the page says so."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.connections.redis import connect
from holdfast.shared.fleet.board import Board
from holdfast.shared.queue.halts import HaltReport, Halts
from holdfast.shared.queue.names import DEAD
from tests import keys, letters
from tests.servers import PATIENT_REDIS, RedisServer


@pytest.fixture
async def browser(tmp_path: Path, clean_redis: RedisServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client that is logged in as a viewer."""
    admin = DlqAdmin(
        DlqAdminSettings(
            redis_addr=clean_redis.address, db_dsn="mysql://nobody:nothing@127.0.0.1:1/none",
            keys_file=keys.written_to(tmp_path),
        )
    )  # fmt: skip
    async with httpx.AsyncClient(transport=httpx.ASGITransport(admin.http()), base_url="http://dlq") as client:
        await client.post("/console/login", data={"key": keys.VIEWER})
        yield client


async def test_letters_are_listed_from_the_stream(browser: httpx.AsyncClient, clean_redis: RedisServer) -> None:
    """Without the database the home page and the list show letters from the stream with a banner, a letter can be
    opened, and pages that need the table report that it is away."""
    with clean_redis.client() as client:
        entry = client.xadd(DEAD, letters.fields(error="<b>odd</b>")).decode()  # type: ignore[arg-type, union-attr]
    for path in ("/console", "/console/letters"):
        page = await browser.get(path)
        assert page.status_code == 200
        assert "The database does not answer" in page.text
        assert f"/console/letters/{entry}" in page.text
        assert "&lt;b&gt;odd" in page.text
        assert "<b>odd" not in page.text
    one = await browser.get(f"/console/letters/{entry}")
    assert one.status_code == 200
    assert "on the stream and not indexed yet" in one.text
    assert "1406" in one.text
    groups = await browser.get("/console/groups?every=true")
    assert groups.status_code == 503
    assert 'href="/console/runbooks/HoldfastBreakerOpen"' in groups.text
    assert "A retry may help" in groups.text
    assert 'href="/console/groups?every=true">Try again' in groups.text


async def test_a_search_that_makes_no_sense_is_sent_back(browser: httpx.AsyncClient) -> None:
    """An invalid search is a 422 that shows the error and the entered text."""
    page = await browser.get("/console/letters", params={"entity_id": "ö <b>", "state": "dead"})
    assert page.status_code == 422
    assert "entity_id" in page.text
    assert "ö &lt;b&gt;" in page.text


async def test_every_page_is_whole_while_breakers_are_open(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While breakers are open every page is complete, also the page of breakers, which shows this process's own breaker
    with the time of its next probe."""
    monkeypatch.setattr(Board, "reachable", True)  # as after the board's first beat
    assert (await browser.get("/console/groups")).status_code == 503  # and now its breaker is open
    for name in ("", "/letters", "/requests", "/writers", "/breakers", "/runbooks", "/search", "/strip"):
        page = await browser.get(f"/console{name}")
        assert page.status_code == 200, name
        assert "This part failed" not in page.text, name
    page = await browser.get("/console/breakers")
    assert ">open<" in page.text
    assert "next probe <time" in page.text


async def test_forms_are_in_the_part_that_shows_their_cause(
    browser: httpx.AsyncClient, clean_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer that halts, and a breaker that is first reported, while the page is open get their forms: the forms are
    in the part of the page that renews itself."""
    monkeypatch.setattr(Board, "reachable", True)  # as after the board's first beat
    await browser.post("/console/login", data={"key": keys.OPERATOR})
    report = HaltReport(id="1", why="Cannot be decoded", would_be_dead=7, for_s=3, tries=1, next_try_in_s=2)
    async with connect(clean_redis.address, PATIENT_REDIS) as redis:
        await Halts(redis).report("writer-1", report)
    for name, form in (("writers", 'id="go-on"'), ("breakers", 'id="override"')):
        assert form in _inside((await browser.get(f"/console/{name}")).text, name), name


def _inside(page: str, part: str) -> str:
    """Return what the part with this id contains."""
    rest, depth = page.partition(f'<div id="{part}"')[2], 1
    for tag in re.finditer(r"<(/?)div\b", rest):
        depth += -1 if tag[1] else 1
        if not depth:
            return rest[: tag.start()]
    raise AssertionError(f"no part {part}")
