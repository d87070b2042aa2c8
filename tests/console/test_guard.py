"""Access to the console: who may log in, with which form, and what a browser may do with the pages."""

import asyncio
import html
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi.routing import APIRoute

from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.console.login import session
from holdfast.services.dlq_admin.console.login.guard import _ANY_ROLE, _PREPARING, COOKIE, RENEWAL
from holdfast.services.dlq_admin.console.login.logouts import Logouts
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.http.identify import WrongKeyLimit
from holdfast.shared.resilience.supervise import stop
from tests import keys
from tests.servers import PATIENT_REDIS, RedisServer

_OPEN = {"/console/login", "/console/static/{digest}/{name}"}
_RANK = {None: 0, keys.VIEWER: 1, keys.OPERATOR: 2, keys.ADMIN: 3}


@pytest.fixture
def keys_file(tmp_path: Path) -> Path:
    """A keys file from which a test can remove keys."""
    return keys.written_to(tmp_path)


@pytest.fixture
def admin(keys_file: Path) -> DlqAdmin:
    """A dlq_admin whose stores do not exist, so that a request that is let in fails at once."""
    return DlqAdmin(
        DlqAdminSettings(
            redis_addr="127.0.0.1:1", db_dsn="mysql://nobody:nothing@127.0.0.1:1/none", keys_file=keys_file,
            dlq_session_secret="a secret of this test",  # noqa: S106
        )
    )  # fmt: skip


@pytest.fixture
async def browser(admin: DlqAdmin) -> AsyncIterator[httpx.AsyncClient]:
    """A client that keeps cookies and follows no redirect."""
    transport = httpx.ASGITransport(admin.http())
    async with httpx.AsyncClient(transport=transport, base_url="http://dlq") as client:
        yield client


async def _log_in(browser: httpx.AsyncClient, key: str, **more: str) -> httpx.Response:
    return await browser.post("/console/login", data={"key": key, **more})


async def _csrf(browser: httpx.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([\w-]{43})"', (await browser.get("/console")).text)
    assert found is not None
    return found[1]


async def test_every_page_with_every_role(admin: DlqAdmin, browser: httpx.AsyncClient) -> None:
    """A request without a session is redirected to the login, a viewer may read pages and change nothing, and a role
    that has the right is let in."""
    found = [(method, route.path) for route in admin.http().routes if isinstance(route, APIRoute)
             for method in route.methods if route.path.startswith("/console")]  # fmt: skip
    assert ("POST", "/console/discards") in found
    for key, rank in _RANK.items():
        browser.cookies.clear()
        csrf = ""
        if key is not None:
            await _log_in(browser, key)
            csrf = await _csrf(browser)
        for method, path in found:
            if path in _OPEN or path == "/console/logout":
                continue
            url = re.sub(r"\{[^}]+\}", "1764000000000-1", path)
            answer = await browser.request(method, url, data={"csrf": csrf} if method == "POST" else None)
            seen = (method, path, key, answer.status_code)
            if rank == 0:
                assert answer.status_code == 303, seen
                assert answer.headers["location"].startswith("/console/login"), seen
            elif rank < (1 if path in _ANY_ROLE or (method == "GET" and path not in _PREPARING) else 2):
                assert answer.status_code == 403, seen
            else:
                assert answer.status_code not in (401, 403), seen
                assert "INTERNAL_ERROR" not in answer.text, seen
            assert "default-src 'none'" in answer.headers["content-security-policy"], seen


async def test_a_viewer_searches_what_everybody_may_see(browser: httpx.AsyncClient) -> None:
    """A viewer's search is posted, as in REST, because an address with a customer's name would be logged, and text in
    the address is no search. With a reason, which asks for masked values, it is refused."""
    await _log_in(browser, keys.VIEWER)
    form = {"text": "ada@example.com", "csrf": await _csrf(browser)}
    page = await browser.get("/console/search", params={"text": form["text"]})
    assert page.status_code == 200
    assert form["text"] not in page.text
    assert 'method="post"' in page.text
    assert 'method="get"' not in page.text.partition("<main")[2]
    assert (await browser.post("/console/search", data=form)).status_code == 503  # it was let in as far as the database
    assert (await browser.post("/console/search", data=form | {"reason": "a call"})).status_code == 403


async def test_a_form_of_nobody_s_changes_nothing(browser: httpx.AsyncClient) -> None:
    """A change without the session's token or from another site is refused; with the token it is let in."""
    await _log_in(browser, keys.OPERATOR)
    csrf = await _csrf(browser)
    note = "/console/groups/0123456789abcdef/note"
    assert (await browser.post(note, data={"text": "x"})).status_code == 403
    assert (await browser.post(note, data={"text": "x", "csrf": "0" * 64})).status_code == 403
    for odd in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        assert (await browser.post(note, data={"text": "x", "csrf": csrf}, headers=odd)).status_code == 403
        assert (await browser.post("/console/login", data={"key": keys.ADMIN}, headers=odd)).status_code == 403
    assert (await browser.post(note, data={"text": "x", "csrf": csrf})).status_code == 503


async def test_what_was_typed_outlives_the_session(browser: httpx.AsyncClient) -> None:
    """A form that is sent after its session ended is kept through the login, also through wrong keys. It is sent when
    the person, who sees where it goes, confirms, with a token of the new session and not of the old one."""
    note, typed = "/console/groups/0123456789abcdef/note", "the mail gateway <b>, see 4711"
    selection = '{"filter": {"text": "a\\u202eb"}}'
    page = await browser.post(note, data={"text": typed, "selection": selection, "csrf": "old"})
    assert (page.status_code, "session is over" in page.text) == (401, True)
    for key, status in (("wrong", 401), (keys.OPERATOR, 200)):
        form = _fields(page.text)
        assert (form["to"], "csrf" in form) == (note, False)
        page = await browser.post("/console/login", data=form | {"key": key})
        assert page.status_code == status
    assert f'action="{note}"' in page.text
    assert f">{note}</dd>" in page.text, "two forms with the same fields give different orders"
    form = _fields(page.text)
    assert form.keys() == {"text", "selection", "csrf"}
    assert (form["text"], form["selection"]) == (typed, selection)
    assert "<b>" not in page.text
    assert (await browser.post(note, data=form)).status_code == 503, "it got through to the database"
    here = {"Sec-Fetch-Site": "same-origin"}
    page = await browser.post(note, data={"text": typed, "csrf": "old"}, headers=here)
    assert page.status_code == 403, "somebody has logged in since, in another tab"
    assert (await browser.post(note, data=_fields(page.text))).status_code == 503
    assert not _fields((await browser.post(note, data={"text": typed, "csrf": "old"})).text).get("text")
    browser.cookies.clear()
    assert (await browser.post(note, data={"text": "", "csrf": "x"})).status_code == 303, "nothing was typed"
    odd = {"Origin": "https://elsewhere.example"}
    assert (await browser.post(note, data={"text": typed}, headers=odd)).status_code == 403


def _fields(page: str) -> dict[str, str]:
    """Return the hidden fields of the page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return {name: html.unescape(value) for name, value in found}


async def test_a_session_is_kept_from_scripts_and_other_sites(browser: httpx.AsyncClient) -> None:
    """The session cookie is HttpOnly and SameSite=strict, Secure behind TLS, and does not contain the key."""
    cookie = (await _log_in(browser, keys.VIEWER)).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/console"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert keys.VIEWER not in cookie
    behind = {"X-Forwarded-Proto": "https"}
    answer = await browser.post("/console/login", data={"key": keys.VIEWER}, headers=behind)
    assert "Secure" in answer.headers["set-cookie"]
    assert "max-age" in answer.headers["strict-transport-security"]


async def test_a_revoked_key_ends_its_session(
    browser: httpx.AsyncClient, keys_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the line of its key is removed from the file, a session's next page is the login."""
    monkeypatch.setattr("holdfast.shared.http.keys._LOOK_EVERY_S", 0.0)
    await _log_in(browser, keys.OPERATOR)
    assert (await browser.get("/console")).status_code == 200
    rest = [line for line in keys_file.read_text().splitlines(keepends=True) if not line.startswith(keys.OPERATOR)]
    keys_file.write_text("".join(rest))
    assert (await browser.get("/console")).headers["location"].startswith("/console/login")
    polled = await browser.get("/console/strip", headers={RENEWAL: "1"})
    assert polled.status_code == 401, "the page's script decides: something may be typed there"


async def test_wrong_keys_are_counted(browser: httpx.AsyncClient) -> None:
    """After some wrong keys an address has to wait, but a right key is still accepted, because many people may share a
    proxy's address. A key without `view` counts as wrong."""
    assert (await _log_in(browser, keys.READER)).status_code == 401
    assert (await _log_in(browser, "")).status_code == 401
    for _ in range(8):
        assert (await _log_in(browser, "wrong")).status_code == 401
    refused = await _log_in(browser, "wrong")
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert "set-cookie" not in refused.headers
    assert (await _log_in(browser, keys.OPERATOR)).status_code == 303


async def test_wrong_keys_are_counted_wherever_they_are_sent(browser: httpx.AsyncClient) -> None:
    """The REST routes share the limit of wrong keys, and wrong keys do not limit requests with a right one."""
    for _ in range(10):
        assert (await browser.get("/dlq/groups", headers=keys.bearer("wrong"))).status_code == 401
    refused = await browser.get("/dlq/groups", headers=keys.bearer("wrong"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "RATE_LIMITED")
    assert int(refused.headers["retry-after"]) > 0
    assert (await browser.get("/dlq/groups", headers=keys.bearer(keys.VIEWER))).status_code == 503


async def test_behind_a_trusted_proxy_every_client_has_its_own_tries(keys_file: Path) -> None:
    """Behind a trusted proxy the client address is the one that the proxy reports, so each client has its own limit."""
    admin = DlqAdmin(
        DlqAdminSettings(
            redis_addr="127.0.0.1:1", db_dsn="mysql://nobody:nothing@127.0.0.1:1/none", keys_file=keys_file,
            dlq_trusted_proxies="127.0.0.0/8",
        )
    )  # fmt: skip
    transport = httpx.ASGITransport(admin.http())
    async with httpx.AsyncClient(transport=transport, base_url="http://dlq") as client:
        for address, expected in [("198.51.100.1", 401)] * 10 + [("198.51.100.1", 429), ("198.51.100.2", 401)]:
            headers = keys.bearer("wrong") | {"X-Forwarded-For": address}
            assert (await client.get("/dlq/groups", headers=headers)).status_code == expected, address


async def test_a_cookie_is_worth_nothing_after_the_logout(browser: httpx.AsyncClient) -> None:
    """A copy of a cookie is no session after the logout."""
    await _log_in(browser, keys.OPERATOR)
    csrf = await _csrf(browser)
    kept = browser.cookies.get(COOKIE)
    assert (await browser.post("/console/logout", data={"csrf": csrf})).status_code == 303
    browser.cookies.clear()
    again = await browser.get("/console", headers={"Cookie": f"{COOKIE}={kept}"})
    assert again.headers["location"].startswith("/console/login")


async def test_a_logout_is_known_to_every_replica(redis_server: RedisServer) -> None:
    """A logout reaches the other replicas through the cache, also if the cache was away at first."""
    sessions = session.Sessions(b"a secret", 100, 1000)
    one, _ = sessions.begin("key", time.time())
    other, _ = sessions.begin("key", time.time())
    away = connect("127.0.0.1:1", RedisTimeouts(0.2, 0.2))
    cache = connect(redis_server.address, PATIENT_REDIS)
    here, there = Logouts(away), Logouts(cache)
    await here.add(one)
    assert await here.has(one)
    assert not await here.has(other)
    assert not await there.has(one)
    here._cache = cache
    telling = asyncio.create_task(here.run())
    async with asyncio.timeout(60):
        while not await there.has(one):
            await asyncio.sleep(0.05)
    await stop([telling])
    assert not await there.has(other)
    await cache.aclose()
    await away.aclose()


@pytest.mark.parametrize(
    ("to", "goes"),
    [
        ("/console/groups?every=true", "/console/groups?every=true"), ("https://elsewhere.example", "/console"),
        ("//elsewhere.example", "/console"), ("/console/../x\\y", "/console"), ("/consoles", "/console"),
    ],
)  # fmt: skip
async def test_a_login_leads_to_a_page_of_ours(browser: httpx.AsyncClient, to: str, goes: str) -> None:
    """A login redirects only to pages of the console, whatever address it is given."""
    assert (await _log_in(browser, keys.VIEWER, to=to)).headers["location"] == goes


async def test_a_link_from_elsewhere_finds_its_session(browser: httpx.AsyncClient) -> None:
    """A link from another site leads to a page that loads itself again, because a browser does not send a strict cookie
    with the first request."""
    answer = await browser.get("/console/groups", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'content="0; url=/console/groups"' in answer.text


async def test_assets_are_for_ever_and_pages_are_not(browser: httpx.AsyncClient) -> None:
    """A file with its hash in its name may be cached. With another hash, as in a page of a replica that runs another
    build, it is the file of this build, which is not cached, and neither are pages."""
    page = await browser.get("/console/login")
    assert page.headers["cache-control"] == "no-store"
    [style] = re.findall(r'href="(/console/static/[0-9a-f]{16}/console.css)"', page.text)
    answer = await browser.get(style)
    assert "immutable" in answer.headers["cache-control"]
    other = await browser.get(re.sub("[0-9a-f]{16}", "0" * 16, style))
    assert (other.content, other.headers["cache-control"]) == (answer.content, "no-store")
    assert (await browser.get(style.replace("console.css", "console.py"))).status_code == 404
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page.text)


async def test_every_answer_names_its_build(browser: httpx.AsyncClient) -> None:
    """A page and the answers by which it renews itself name the build, so that it notices an upgrade. A page that
    answers a form does not: loaded again, it would lose its error and what was typed."""
    assert (await _log_in(browser, keys.VIEWER)).status_code == 303
    page = await browser.get("/console/runbooks")
    assert f' data-build="{page.headers["x-build"]}"' in page.text
    answers = [await browser.get(f"/console/{part}", headers={RENEWAL: "1"}) for part in ("alerts", "live", "no")]
    assert {answer.headers["x-build"] for answer in answers} == {page.headers["x-build"]}
    assert (await _log_in(browser, keys.OPERATOR)).status_code == 303
    form = {"csrf": await _csrf(browser), "breaker": "api/none", "action": "reset", "for_min": "0", "reason": "typed"}
    refused = await browser.post("/console/breakers", data=form)
    assert refused.status_code == 422
    assert "data-renew=" in refused.text
    assert "data-build=" not in refused.text


def test_cookies_that_are_not_ours() -> None:
    """A cookie that is changed anywhere, cut, signed with another secret, or too old is no session."""
    ours = session.Sessions(b"ours", 100, 1000)
    _, cookie = ours.begin("key", 1000)
    read = ours.read(cookie, 1099)
    assert read is not None
    assert ours.read(cookie, 1100) is None
    assert session.Sessions(b"theirs", 100, 1000).read(cookie, 1001) is None
    # The last character of a signature has two bits that carry no data.
    changed = [f"{cookie[:at]}{'A' if cookie[at] != 'A' else 'B'}{cookie[at + 1 :]}" for at in range(len(cookie) - 1)]
    for odd in ("", "a.b.c.d", "....", cookie[:-1], "x" + cookie, f"{cookie}.x", "é.1.x.y", *changed):
        assert ours.read(odd, 1001) is None, odd
    prolonged = ours.prolonged(read, 1050)
    assert prolonged is not None
    again = ours.read(prolonged[1], 1120)
    assert again is not None
    assert ours.is_csrf(again, ours.csrf(read))
    assert not ours.is_csrf(again, "")


def test_no_session_outlasts_its_day() -> None:
    """A session that is prolonged repeatedly ends `most_s` after the login."""
    sessions = session.Sessions(b"ours", 100, 1000)
    current, cookie = sessions.begin("key", 5000)
    for now in range(5000, 6000, 10):
        assert sessions.read(cookie, now) is not None
        if later := sessions.prolonged(current, now):
            current, cookie = later
    assert current.ends_at == 6000
    assert sessions.read(cookie, 6000) is None
    assert session.Sessions(b"ours", 100, 500).read(cookie, 5999) is None  # a shorter setting also limits old cookies


def test_tries_come_back_with_time() -> None:
    """Tries of an address are refilled one by one, are counted per address, and a refused try is not counted."""
    tries = WrongKeyLimit(most=3, refill_s=10)
    assert [tries.wrong("a", 0) for _ in range(5)] == [0, 0, 0, 10, 10]
    assert tries.wrong("b", 0) == 0
    assert tries.wrong("a", 10) == 0
    assert tries.wrong("a", 10) == 10
