"""Pages that need no store, and error pages: each keeps its navigation and a link to continue."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Match

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.console.forms import Form
from holdfast.services.dlq_admin.console.pages.letters import _where
from holdfast.services.dlq_admin.console.pages.replays import _asked, _plan
from holdfast.services.dlq_admin.letters.decisions import Allowances
from holdfast.services.dlq_admin.letters.groups import Groups
from holdfast.services.dlq_admin.letters.models import GroupStanding, GroupWhatIf
from holdfast.services.dlq_admin.replays.models import ReplayPreview
from holdfast.services.dlq_admin.replays.replays import Replays
from holdfast.services.dlq_admin.rest.inputs import SelectionInput
from holdfast.services.dlq_admin.rest.replays import ReplayInput
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.letters.replays.plan import ReplayState
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


@pytest.mark.parametrize(
    ("path", "page"),
    [("/console/writers/go-on", "/console/writers"), ("/console/audit/1/undo", "/console/audit/1"),
     ("/console/letters/1-1/reveal", "/console/letters/1-1"), ("/console/replays/1/pause", "/console/replays/1"),
     ("/console/groups/0123456789abcdef/note", "/console/groups/0123456789abcdef"), ("/console/export", "/console")],
)  # fmt: skip
async def test_an_address_that_only_takes_a_form_leads_to_its_page(
    browser: httpx.AsyncClient, path: str, page: str
) -> None:
    """A browser shows the address of a form after a refusal, and the login returns to it: opened, it is a page."""
    answer = await browser.get(path)
    assert (answer.status_code, answer.headers.get("location")) == (303, page)


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


async def test_a_replay_warns_of_what_the_last_what_if_showed(
    browser: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page that starts a replay warns if the last what-if of the group showed that its letters would fail again."""
    look = ReplayPreview(
        dry_run=True, count=3, groups={"0" * 16: 3}, others={}, sample=[], plan={}, state=ReplayState.RUNNING,
        at_least_s=0.1,
    )  # fmt: skip
    monkeypatch.setattr(Replays, "preview", AsyncMock(return_value=look))
    monkeypatch.setattr(Allowances, "of", AsyncMock(return_value=None))
    for verdict, warned in (("still_fails", True), ("would_apply", False)):
        tried = GroupWhatIf(at="2026-01-15T10:30:00Z", count=3, verdicts={verdict: 3})
        standing = GroupStanding(looked_at=3, edited=0, replay_id=None, what_if=tried)
        one = SimpleNamespace(standing=standing)
        monkeypatch.setattr(Groups, "one", AsyncMock(return_value=one))
        page = await browser.get("/console/replays/new", params={"selection": '{"filter": {"code": "1406"}}'})
        assert page.status_code == 200, page.text
        assert ("all 3 would fail again" in page.text) == warned


async def test_an_id_in_capitals_is_found() -> None:
    """The search box takes a UUID in capitals for the id, which has none."""
    id = "0198c0de-0000-7000-8000-00000000abcd"
    page = AsyncMock(side_effect=lambda wanted, *_: ([wanted] if wanted.operation_id == id else [], None))
    backend: Any = SimpleNamespace(letters=SimpleNamespace(page=page))
    assert await _where(backend, id.upper()) == f"/console/letters?operation_id={id}"


async def test_failures_without_a_cache_say_so_where_they_were(browser: httpx.AsyncClient) -> None:
    """While the cache is away, the part of the page that refreshes itself says so, instead of becoming empty."""
    page = await browser.get("/console/failures")
    assert 'role="alert"' in page.text.partition('id="failures"')[2]


@pytest.mark.parametrize(
    ("given", "shown"),
    [("2026-01-15T10:30:00.123456Z", "2026-01-15T10:30:00.123"), ("2026-01-15T10:30", "2026-01-15T10:30:00.000"),
     ("2026-01-15T12:30:00+02:00", "2026-01-15T10:30:00.000"), ("yesterday", "yesterday")],
)  # fmt: skip
async def test_a_time_of_an_address_is_in_its_field(browser: httpx.AsyncClient, given: str, shown: str) -> None:
    """A time in an address is shown in its field in the field's form, so that the next search still has it: a browser
    empties a field of a date and time that has an offset."""
    page = await browser.get("/console/letters", params={"from": given, "state": "none such"})
    assert page.status_code == 422
    assert f'name="from" value="{shown}"' in page.text


@pytest.mark.parametrize(
    ("typed", "rate", "canary", "breaker"),
    [({}, "500", ["1", "5", "25"], True), ({"rate": "", "canary": "1", "breaker": ""}, "500", ["1"], False),
     ({"rate": "2", "canary": ""}, "2", ["1", "5", "25"], False),
     ({"rate": "2", "canary": "none", "breaker": "yes"}, "2", [], True)],
)  # fmt: skip
def test_an_empty_field_of_a_plan_is_what_the_preview_shows(
    typed: dict[str, str], rate: str, canary: list[str], breaker: bool
) -> None:
    """An empty field has its default, in the preview and in the replay, and changes no other field."""
    form = Form({name: [value] for name, value in typed.items()})
    asked = _asked(form, SelectionInput(fingerprint="0123456789abcdef"))
    assert (asked["rate_per_s"], asked["canary"], asked["stop"]["breaker"]) == (rate, canary, breaker)
    assert (_plan(form)["rate"], _plan(form)["breaker"] == "yes") == (rate, breaker)


def test_an_empty_form_has_the_defaults_of_rest() -> None:
    """A replay from a page without a plan has the same plan as one from REST without a plan."""
    selection = SelectionInput(fingerprint="0123456789abcdef")
    asked = _asked(Form({"reason": ["a reason"], "expected_count": ["3"]}), selection)
    assert (
        ReplayInput.model_validate(asked).plan()
        == ReplayInput(selection=selection, reason="a reason", dry_run=True).plan()
    )
