"""Alerts arrive as Alertmanager posts them, are shown on every page, and disappear when they are over."""

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from holdfast.services.dlq_admin.alerts.alerts import KEY, Alerts
from holdfast.services.dlq_admin.alerts.known import KnownAlerts
from holdfast.services.dlq_admin.alerts.notice import Notice, Posted
from holdfast.services.dlq_admin.app import DlqAdmin
from holdfast.services.dlq_admin.console.render.links import Links
from holdfast.services.dlq_admin.settings import DlqAdminSettings
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.runtime.time_budgets import FAILURES_KEPT_S
from tests import keys
from tests.console.board import UID
from tests.servers import PATIENT_REDIS, RedisServer

_SILENCE_S = 60.0


def alert(
    name: str = "HoldfastBreakerOpen", *, firing: bool = True, severity: str = "page", **more: Any
) -> dict[str, Any]:
    """Return one alert of a post."""
    annotations = {
        "summary": "Reads <b>come</b> from copies", "dashboard_url": f"/d/{UID}",
        "runbook_url": "docs/runbooks/HoldfastBreakerOpen.md", "description": "why",
    }  # fmt: skip
    return {
        "status": "firing" if firing else "resolved", "labels": {"alertname": name, "severity": severity, "job": "api"},
        "annotations": annotations, "startsAt": "2026-01-15T10:30:00.123456789Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus", "fingerprint": f"{hash(name) & 0xFFFFFFFF:x}", **more,
    }  # fmt: skip


def post(*alerts: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return a post as Alertmanager sends it, including fields that dlq_admin does not need."""
    return {"version": "4", "groupKey": "{}", "status": "firing", "receiver": "console", "groupLabels": {},
            "truncatedAlerts": 0, "externalURL": "http://alertmanager", "alerts": list(alerts), **more}  # fmt: skip


def _admin(folder: Path, redis: RedisServer) -> DlqAdmin:
    return DlqAdmin(
        DlqAdminSettings(
            redis_addr=redis.address, db_dsn="mysql://nobody:nothing@127.0.0.1:1/none",
            keys_file=keys.written_to(folder), dlq_alert_silence_s=_SILENCE_S,
        )
    )  # fmt: skip


@pytest.fixture
async def client(tmp_path: Path, clean_redis: RedisServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client that can post as Alertmanager, and is logged in as a viewer."""
    transport = httpx.ASGITransport(_admin(tmp_path, clean_redis).http())
    async with httpx.AsyncClient(transport=transport, base_url="http://dlq") as client:
        await client.post("/console/login", data={"key": keys.VIEWER})
        yield client


async def _tell(client: httpx.AsyncClient, posted: dict[str, Any]) -> httpx.Response:
    return await client.post("/alerts", json=posted, headers=keys.bearer(keys.ANNOUNCER))


async def test_it_is_on_every_page_until_it_is_over(client: httpx.AsyncClient) -> None:
    """A firing alert is on every page with its tone, escaped text, dashboard and runbook, and is removed when it is
    resolved."""
    assert (await _tell(client, post(alert()))).json()["data"] == {"moved": 1}
    assert (await _tell(client, post(alert()))).json()["data"] == {"moved": 0}
    for path in ("/console/live/holdfast-overview", "/console/letters", "/console/alerts"):
        page = (await client.get(path)).text
        assert "Reads &lt;b&gt;come&lt;/b&gt; from copies" in page, path
        assert 'class="alert bad"' in page, path
        assert "numbers from <time" in page, path
        assert 'href="/console/runbooks/HoldfastBreakerOpen"' in page, path
    shown = (await client.get("/alerts", headers=keys.bearer(keys.VIEWER))).json()["data"]
    assert [(each["name"], each["severity"], each["labels"]) for each in shown["alerts"]] == [
        ("HoldfastBreakerOpen", "page", {"job": "api"})
    ]
    await _tell(client, post(alert(firing=False)))
    assert "from copies" not in (await client.get("/console/alerts")).text
    assert (await client.get("/alerts", headers=keys.bearer(keys.VIEWER))).json()["data"]["alerts"] == []


async def test_who_may(client: httpx.AsyncClient) -> None:
    """A key with the scope `announce` may post alerts, and a key with the scope `view` may read them."""
    statuses = {
        key: (await client.post("/alerts", json=post(), headers=keys.bearer(key))).status_code
        for key in (keys.ANNOUNCER, keys.OPERATOR, keys.VIEWER, keys.WRITER, "nobody's")
    }
    assert list(statuses.values()) == [200, 200, 403, 403, 401]
    assert (await client.post("/alerts", json=post())).status_code == 401
    assert (await client.get("/alerts", headers=keys.bearer(keys.ANNOUNCER))).status_code == 403


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"version": "3", "alerts": []}', 422), (b"\xff", 400),
     (b'{"alerts": [{"status": "odd"}]}', 422), (b'{"alerts": [{"labels": {"a": 1}}]}', 422), (b"[" * 100_000, 422),
     (orjson.dumps(post(alert(fingerprint="<script>"))), 422), (orjson.dumps(post(alert(startsAt="soon"))), 422),
     (b'{"alerts": "' + b"a" * (1 << 20) + b'"}', 413)],
)  # fmt: skip
async def test_what_is_no_post_is_refused(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    """An invalid post is answered with a 4xx, and no part of it is shown."""
    answer = await client.post("/alerts", content=body, headers=keys.bearer(keys.ANNOUNCER))
    assert answer.status_code == status
    assert (await client.get("/alerts", headers=keys.bearer(keys.VIEWER))).json()["data"]["alerts"] == []


async def test_ten_thousand_are_too_many_to_show(client: httpx.AsyncClient, clean_redis: RedisServer) -> None:
    """Of 9,000 alerts the worst are kept and the rest is counted, and pages and the record in Redis stay small."""
    small = [{"status": "firing", "labels": {"alertname": "A"}, "startsAt": "2026-01-15T10:30:00Z",
              "fingerprint": f"{number:x}"} for number in range(9_000)]  # fmt: skip
    small[8_999]["labels"] = {"alertname": "Worst", "severity": "page"}
    body = orjson.dumps({"alerts": small})
    assert len(body) < 1 << 20
    answer = await client.post("/alerts", content=body, headers=keys.bearer(keys.ANNOUNCER))
    assert answer.json()["data"] == {"moved": 9_000}
    shown = (await client.get("/alerts", headers=keys.bearer(keys.VIEWER))).json()["data"]
    assert (shown["alerts"][0]["name"], len(shown["alerts"]), shown["left_out"]) == ("Worst", 500, 8_500)
    page = (await client.get("/console/alerts")).text
    assert "8,946 not listed" in page
    assert len(page) < 60_000
    with clean_redis.client() as redis:
        assert redis.hlen(KEY) == 500


async def test_other_replicas_hear_of_it(clean_redis: RedisServer) -> None:
    """Replicas learn of alerts through the cache, and a later post to another replica counts; without the cache each
    replica knows the alerts that were posted to it."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    here, there = Alerts(redis, _SILENCE_S), Alerts(redis, _SILENCE_S)
    await here.take(Posted.model_validate(post(alert(), alert("HoldfastWatchdog", severity="none"))))
    await there.read()
    assert [each.name for each in there.firing()] == ["HoldfastBreakerOpen"]
    assert there.watch().alive
    await there.take(Posted.model_validate(post(alert(firing=False))))
    await here.read()
    assert here.firing() == []
    here._cache = hasty = connect(clean_redis.address, RedisTimeouts(0.5, 0.5))
    clean_redis.freeze()
    try:
        await here.take(Posted.model_validate(post(alert())))
        assert len(here.firing()) == 1
    finally:
        clean_redis.thaw()
    await hasty.aclose()
    await redis.aclose()


def _notice(name: str, received_s: float, *, firing: bool = True) -> Notice:
    posted = Posted.model_validate(post(alert(name, firing=firing)))
    return Notice.of(posted.alerts[0], received_s)


def test_silence_ends_an_alert_and_tells_of_the_watchdog() -> None:
    """An alert that is not repeated is over after the silence limit, and a watchdog that was seen and is no longer
    repeated counts as silent."""
    known = KnownAlerts(_SILENCE_S)
    assert known.watch(100).received_s is None
    known.take([_notice("HoldfastBreakerOpen", 100), _notice("HoldfastWatchdog", 100)])
    assert [each.name for each in known.firing(100 + _SILENCE_S)] == ["HoldfastBreakerOpen"]
    assert known.watch(100 + _SILENCE_S).alive
    assert known.firing(101 + _SILENCE_S) == []
    assert known.watch(101 + _SILENCE_S) == (100, False)


def test_of_two_words_the_newer_one_counts() -> None:
    """Of two notices the newer one counts, in whatever order they arrive."""
    known = KnownAlerts(_SILENCE_S)
    known.take([_notice("X", 102, firing=False)])
    assert known.take([_notice("X", 101)]) == []
    assert known.firing(103) == []
    assert len(known.take([_notice("X", 104)])) == 1


def test_an_alert_that_ended_is_still_what_began_then() -> None:
    """An alert that was resolved is kept, with its beginning, as long as the failures that began with it are."""
    known = KnownAlerts(_SILENCE_S)
    known.take([_notice("X", 100), _notice("HoldfastWatchdog", 100)])
    known.take([_notice("X", 130, firing=False)])
    assert known.firing(130 + FAILURES_KEPT_S) == []
    assert [(each.name, each.since_s > 0) for each in known.began(130 + FAILURES_KEPT_S)] == [("X", True)]
    assert known.began(131 + FAILURES_KEPT_S) == []


def test_links_lead_where_they_may() -> None:
    """Alerts link to dashboards of the console and to http addresses; a path needs a base URL, and a script is no
    link."""
    bare, based = Links(None, {UID}, ()), Links("https://docs.example/x/", {UID}, ())
    assert bare.dashboard(f"/d/{UID}?orgId=1") == f"/console/live/{UID}"
    assert bare.dashboard("/d/of-somebody") is None
    assert bare.dashboard("https://grafana.example/d/a") == "https://grafana.example/d/a"
    for odd in ("javascript:alert(1)", "data:text/html,x", "//[", "http://", "/d/", ""):
        assert bare.dashboard(odd) is None
        assert bare.runbook(odd) is None
    assert based.runbook("javascript:alert(1)") is None
    assert bare.runbook("docs/a.md") is None
    assert based.runbook("docs/a.md") == "https://docs.example/x/docs/a.md"


async def test_a_silent_watchdog_is_on_the_page(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A live watchdog is a short text on the page, and a silent one is a warning."""
    assert "lerting" not in (await client.get("/console/alerts")).text.replace("Alerts", "")
    await _tell(client, post(alert("HoldfastWatchdog", severity="none")))
    assert "Alerting works" in (await client.get("/console/alerts")).text
    later_s = time.time() + _SILENCE_S + 5
    monkeypatch.setattr("holdfast.services.dlq_admin.alerts.alerts.time.time", lambda: later_s)
    assert "Alerting is silent" in (await client.get("/console/alerts")).text
