"""No data from outside breaks a page: such data is refused, left out or shown as inert text. If a part of a page fails
all the same, the page shows an error in its place."""

import json
import random
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import jinja2
import pytest

from holdfast.services.dlq_admin.alerts.alerts import KEY as ALERTS
from holdfast.services.dlq_admin.console.render.parts import PartedTemplate
from holdfast.services.dlq_admin.faults.cache import KEY as ANNOUNCED
from holdfast.shared.fleet.board import ORDERS, REPORTS
from holdfast.shared.queue.names import DEAD, WRITERS
from tests import keys, letters, processes
from tests.console.test_alerts import alert, post
from tests.servers import Database, RedisServer, wait_until

_TIMES = (
    "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1969-12-31T23:59:59Z",
    "2026-01-15T10:30:00", "2026-02-29T00:00:00Z", "", "soon", -1, 1e308, 2**70, None, [], {},
)  # fmt: skip
_NUMBERS = (-1, 0, 1e308, -1e308, 2**70, 10**400, float("nan"), float("inf"), None, "x", [], {}, True)
_TEXTS = ("", "\u202eevil", "\x00", "x" * 100_000, "<script>alert(1)</script>", "{{ 7 * 7 }}", "²", "\ud800")
#: Characters that change the direction of the text around them, or control characters: they are on no page. Characters
#: that show nothing are on no page, except in a field that sends them back.
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x00-\x08\x0b\x0e-\x1f]")
_FIELD = re.compile('value="[^"]*"|<textarea.*?</textarea>', re.DOTALL)
_EVIL = "\u202eevil\u2066\u200b\x1b"
_DEEP = "[" * 600 + "]" * 600
_PAGES = (
    "/console", "/console/strip", "/console/alerts", "/console/groups", "/console/groups?every=true",
    "/console/letters", "/console/replays", "/console/requests", "/console/audit", "/console/live",
    "/alerts", "/faults", "/dlq/overview", "/dlq/letters", "/dlq/groups", "/console/nowhere",
)  # fmt: skip


@pytest.fixture(scope="module")
def client(
    tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database
) -> Iterator[httpx.Client]:
    """A client that is logged in as an operator at a dlq_admin."""
    with redis_server.client() as redis:
        redis.flushall()
    service = processes.dlq_admin(tmp_path_factory.mktemp("dlq"), redis_server.address, database.dsn).start()
    with service.client(headers=keys.bearer(keys.OPERATOR)) as client:
        client.post("/console/login", data={"key": keys.OPERATOR})
        yield client
    service.kill()


def _junk(draw: random.Random) -> bytes:
    """Return JSON of another structure, or bytes that are no JSON."""
    value = draw.choice([draw.choice(_NUMBERS), draw.choice(_TEXTS), {draw.choice("abc"): draw.choice(_NUMBERS)}])
    return draw.choice([json.dumps(value).encode(), _DEEP.encode(), b"\xff", b"", b"{"])


def _spoiled(draw: random.Random, good: dict[str, Any]) -> bytes:
    """Return a good record with some of its values replaced."""
    names = draw.sample(sorted(good), k=min(len(good), draw.randint(1, 3)))
    spoiled = good | {name: draw.choice([*_NUMBERS, *_TEXTS, *_TIMES]) for name in names}
    return json.dumps(spoiled).encode()


def _kept_alert(name: str) -> dict[str, Any]:
    now_s = time.time()
    return {"fingerprint": uuid.uuid4().hex, "firing": True, "name": name, "severity": "page", "summary": name,
            "description": "", "runbook": "", "dashboard": "", "labels": {}, "since_s": now_s,
            "received_s": now_s}  # fmt: skip


def _fault(name: str) -> dict[str, Any]:
    now_s = time.time()
    return {"name": [name, "database"], "began_s": now_s, "until_s": now_s + 60, "announced_s": now_s}


def _breaker(name: str) -> dict[str, Any]:
    return {"name": name, "state": "open"}


def _explanation() -> dict[str, Any]:
    return {"service": "api", "instance": "a", "at": time.time(), "method": "GET", "route": "/users", "status": 200,
            "outcome": "good", "took_ms": 1.0, "deadline_ms": 5.0, "left_ms": 4.0, "operation_id": None,
            "trace_id": None, "decisions": [{"at_ms": 1.0, "action": "error_answered", "code": 7}]}  # fmt: skip


def _fill(redis: Any, draw: random.Random) -> None:
    """Write odd records wherever other processes write into Redis."""
    for _ in range(25):
        field = draw.choice([b"x", b"\xff", b"fault x y", b"recovery x", b"api/" + draw.choice((b"a", b"\xff"))])
        redis.hset(ALERTS, field, draw.choice([_junk(draw), _spoiled(draw, _kept_alert("Odd"))]))
        redis.hset(ANNOUNCED, field, draw.choice([_junk(draw), _spoiled(draw, _fault("odd"))]))
        stamp = draw.choice([b"%d" % (time.time() * 1e6), b"9" * 400, b"-1", b"soon", b""])
        redis.hset(
            REPORTS, field, stamp + b" " + draw.choice([_junk(draw), b"[" + _spoiled(draw, _breaker("b")) + b"]"])
        )
        redis.hset(WRITERS, field, draw.choice([b"\xc2\xb2 x", b"9" * 5000 + b" x", b"", b"soon x", b"1"]))
        redis.xadd(ORDERS, {field: draw.choice([b"\xff", b"1e400", b""]), b"for_s": b"nan"})
        redis.rpush("holdfast:explain:req_odd12345", draw.choice([_junk(draw), _spoiled(draw, _explanation())]))
        letter = letters.fields()
        name = draw.choice([b"dead_at", b"last_attempt", b"attempts", b"error", b"entry_id", b"reason",
                            b"original.payload", b"original.version"])  # fmt: skip
        odd = [_junk(draw), json.dumps(draw.choice(_TIMES)).strip('"').encode(), b"[" + _junk(draw) + b"]"]
        redis.xadd(DEAD, letter | {name: draw.choice(odd)})


@pytest.mark.parametrize("seed", range(2))
def test_every_page_stays(client: httpx.Client, redis_server: RedisServer, seed: int) -> None:
    """Whatever is posted or lies in Redis beside good records, pages are complete and show the good records."""
    draw = random.Random(seed)
    for _ in range(15):
        odd = alert(f"Odd{draw.random()}", startsAt=draw.choice(_TIMES)) | {"status": draw.choice(["firing", 1])}
        answer = client.post("/alerts", content=json.dumps(post(odd)))
        assert answer.status_code in (200, 400, 422), answer.text
    good = f"good-{seed}"
    with redis_server.client() as redis:
        _fill(redis, draw)
        redis.hset(ALERTS, "z", json.dumps(_kept_alert(good)))
        redis.hset(ANNOUNCED, f"fault {good} database", json.dumps(_fault(good)))
        redis.hset(REPORTS, f"api/{good}", b"%d " % (time.time() * 1e6) + json.dumps([_breaker(good)]).encode())
        redis.hset(WRITERS, good, f"{redis.time()[0]} build")
        redis.rpush("holdfast:explain:req_odd12345", json.dumps(_explanation()))
        wait_until(lambda: redis.xlen(DEAD) == 0, what="indexed, whatever it says")
    for path in ("/alerts", "/faults", "/dlq/overview"):
        wait_until(lambda path=path: good in client.get(path).text, what=f"{path} shows what is good")  # type: ignore[misc]
    _say_evil_things(client)
    for path in (*_PAGES, *_TYPED, "/console/requests?id=req_odd12345", *_each(client)):
        page = client.get(path, follow_redirects=True)
        if path.startswith("/console"):
            assert not _TURNING.search(page.text), path
            assert "\u200b" not in _FIELD.sub("", page.text), path
        if path in _TYPED:
            assert page.status_code < 500, path
            continue
        assert page.status_code == (404 if "nowhere" in path else 200), f"{path}: {page.text[-2000:]}"
        assert "This part failed" not in page.text, path
        if path.startswith("/console") and path not in ("/console/strip", "/console/alerts"):
            assert 'aria-label="Main"' in page.text, path


#: Addresses whose text is shown in a field, a title or an error.
_TYPED = tuple(
    f"/console/{path}{quote(_EVIL)}"
    for path in ("letters?text=", "letters?code=", "letters?user_id=", "letters?state=", "requests?id=", "audit?actor=",
                 "audit?actor=x&cursor=", "find?q=", "live/", "letters/", "groups/", "login?to=/console/", "replays/")
)  # fmt: skip


def _say_evil_things(client: httpx.Client) -> None:
    """Put odd text wherever a person or a program can write text that others read."""
    annotations = {name: _EVIL for name in ("summary", "description", "runbook_url", "dashboard_url")}
    odd = alert(_EVIL, severity=_EVIL, annotations=annotations)
    assert client.post("/alerts", content=json.dumps(post(odd))).status_code == 200
    groups = client.get("/dlq/groups", params={"limit": 5}).json()["data"]
    for group in groups:
        client.put(f"/dlq/groups/{group['fingerprint']}/note", json={"text": _EVIL})
    some = [each["id"] for each in client.get("/dlq/letters", params={"state": "dead", "limit": 3}).json()["data"]]
    if some:
        wish = {"selection": {"ids": some}, "reason": "why " + _EVIL, "expected_count": len(some)}
        client.post("/dlq/discards", json=wish)


def _each(client: httpx.Client) -> list[str]:
    """Return the pages of every letter and group."""
    found = client.get("/dlq/letters", params={"limit": 100}).json()["data"]
    groups = {each["fingerprint"] for each in found}
    return [*(f"/console/letters/{each['id']}" for each in found[:40]), *(f"/console/groups/{each}" for each in groups)]


def test_a_part_that_fails_says_so() -> None:
    """A part of a page that fails is replaced by its name and the request, each time it fails; the rest of the page is
    shown, and the error is not."""
    templates = {
        "base": "<nav>{% block title %}Home{% endblock %}</nav>{% block main %}{% endblock %}",
        "page": "{% extends 'base' %}{% block title %}{{ broken() }}{% endblock %}{% block main %}<h1>Here</h1>"
        "{% for each in [1, 0, 4] %}{% block card scoped %}<i>{{ 8 / each }}</i>{% endblock %}{% endfor %}"
        "{% endblock %}",
    }
    environment = jinja2.Environment(loader=jinja2.DictLoader(templates), autoescape=True)
    environment.template_class = PartedTemplate
    page = environment.get_template("page").render(request_id="req_1")
    assert (
        re.sub(r"<p class.*?</p>", "(failed)", page) == "<nav>Holdfast</nav><h1>Here</h1><i>8.0</i>(failed)<i>2.0</i>"
    )
    assert "card" in page
    assert "req_1" in page
    assert "zero" not in page


def _deep(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_bombs_are_refused_by_name(client: httpx.Client, redis_server: RedisServer) -> None:
    """Doubling copies, deep or wide values, a move into its own child, and the removal of the whole document are
    refused with a 4xx that has the reason."""
    with redis_server.client() as redis:
        letter = redis.xadd(DEAD, letters.fields()).decode()
        wait_until(lambda: redis.xlen(DEAD) == 0, what="indexed")
    doubling = [{"op": "copy", "from": "/payload", "path": f"/payload/{n}"} for n in range(40)]
    patches = [
        doubling, [{"op": "remove", "path": ""}], [{"op": "move", "from": "/payload", "path": "/payload/a/b"}],
        [{"op": "add", "path": "/payload/9999999999", "value": 10**400}],
        [{"op": "add", "path": "/a" * 3000, "value": 1}],
        [{"op": "add", "path": "/payload/a", "value": [0] * 90_000}, {"op": "copy", "from": "", "path": "/payload/b"}],
    ]  # fmt: skip
    selection = {"ids": [letter]}
    for patch in patches:
        for path, wish in (
            (f"/dlq/letters/{letter}/edits", {"reason": "a test", "patch": patch}),
            ("/dlq/transforms", {"selection": selection, "reason": "a test", "patch": patch, "dry_run": True}),
        ):
            answer = client.post(path, content=json.dumps(wish))
            if answer.status_code == 200:  # a preview reports the reason for each letter
                assert answer.json()["data"]["edited"] == 0, answer.text
                assert answer.json()["data"]["refused"], answer.text
            else:
                assert answer.status_code in (400, 422), answer.text
    for path in ("/dlq/what-if", "/dlq/discards", "/dlq/replays", "/alerts", f"/dlq/letters/{letter}/edits"):
        for depth in (150, 250, 900, 20_000):
            raw = f'{{"reason": "a test", "payload": {_deep(depth)}, "selection": {_deep(depth)}}}'
            answer = client.post(path, content=raw)
            assert answer.status_code == 422, f"{path} {depth}: {answer.text}"
            assert answer.json()["error"]["details"] == {"budget": "depth", "most": 100}
    raw = json.dumps({"id": "1-1", "attempts": [{}]})[:-1] + f', "original": {_deep(900)}}}'
    answer = client.post("/dlq/import?why=a-test&dry_run=true", content=raw, headers=keys.bearer(keys.ADMIN))
    assert answer.json()["error"]["code"] == "DOCUMENT_TOO_LARGE", answer.text
