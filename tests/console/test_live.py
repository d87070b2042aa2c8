"""The live view: Grafana's dashboards, drawn in a real browser from a real Prometheus."""

import json
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from holdfast.shared.runtime.time_budgets import SCRAPE_EVERY_S
from tests import keys, processes
from tests.client import fetch
from tests.console.board import BOARD, UID, Measured
from tests.console.conftest import Seen, accessible, logged_in
from tests.servers import Database, PrometheusServer, RedisServer, wait_until

_TIMEOUT_S = 2.0

#: JavaScript that returns the number of colours on a canvas.
_COLOURS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let at = 0; at < data.length; at += 4)
    if (data[at + 3]) seen.add(data[at] << 16 | data[at + 1] << 8 | data[at + 2]);
  return seen.size;
}"""
#: JavaScript that returns the share of a canvas that has one colour; the colour is a property of the page's style.
_SHARE = """(canvas, name) => {
  const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const wanted = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  let found = 0;
  for (let at = 0; at < data.length; at += 4)
    if (wanted.every((part, place) => Math.abs(data[at + place] - part) < 6)) found++;
  return found / (data.length / 4);
}"""


class Live(NamedTuple):
    """The measured service, Prometheus and the console of a live view."""

    measured: Measured
    prometheus: PrometheusServer
    console: processes.Service


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, redis_server: RedisServer, database: Database) -> Iterator[Live]:
    """A dlq_admin that draws the small board."""
    folder = tmp_path_factory.mktemp("live")
    boards = folder / "boards"
    boards.mkdir()
    (boards / "board.json").write_text(json.dumps(BOARD))
    (boards / "broken.json").write_text('{"uid": 3')
    measured = Measured()
    prometheus = PrometheusServer(folder, measured.address)
    prometheus.start()
    console = processes.dlq_admin(
        folder, redis_server.address, database.dsn, HOLDFAST_DLQ_PROMETHEUS_URL=prometheus.url,
        HOLDFAST_DLQ_PROMETHEUS_TIMEOUT_S=str(_TIMEOUT_S), HOLDFAST_DLQ_DASHBOARDS=str(boards),
    ).start()  # fmt: skip
    wait_until(lambda: prometheus.value("board_height") == measured.height, what="a scrape")
    yield Live(measured, prometheus, console)
    console.kill()
    prometheus.kill()
    measured.close()


@pytest.fixture
def viewer(chromium: Browser, live: Live) -> Iterator[Seen]:
    """A viewer on the page of the board."""
    context = chromium.new_context(base_url=live.console.url)
    seen = logged_in(context, keys.VIEWER)
    seen.page.get_by_role("link", name="Live", exact=True).click()
    expect(seen.page.get_by_role("heading", level=1)).to_have_text(str(BOARD["title"]))
    yield seen
    context.close()


def _panel(page: Page, title: str) -> Locator:
    return page.locator("article.panel").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_every_kind_of_panel_is_drawn_and_moves(viewer: Seen, live: Live) -> None:
    """A stat shows the value that Prometheus has, drawings are not empty, and new values are drawn without a reload."""
    page = viewer.page
    height = _panel(page, "Height").locator(".value")
    wait_until(lambda: live.prometheus.value("board_height") is not None, what="it is scraped")
    expect(height).to_have_text(f"{live.prometheus.value('board_height'):.0f}")
    for title in ("Lines", "Shares", "Weather", "Heat"):
        canvas = _panel(page, title).locator("canvas").first
        wait_until(lambda canvas=canvas: canvas.evaluate(_COLOURS) > 3, what=f"{title} is drawn")  # type: ignore[misc]
    weather, lines = (_panel(page, title).locator("canvas") for title in ("Weather", "Lines"))
    wait_until(lambda: weather.evaluate(_SHARE, "--g-blue") > 0, what="calm")
    expect(_panel(page, "Lines").locator(".legend")).to_contain_text("one42 req/s")
    expect(_panel(page, "Rows").locator("tbody tr")).to_have_text(["left3", "right1"])
    expect(_panel(page, "Rows").locator("th")).to_have_text(["Kind", "Value"])
    expect(_panel(page, "Bars").locator(".gauge em")).to_have_text(["3", "1"])
    expect(_panel(page, "Nothing")).to_contain_text("Nobody is there")
    expect(_panel(page, "Wrong")).to_contain_text("parse error")
    expect(_panel(page, "Words").locator(".words strong")).to_have_text("Bold")
    expect(_panel(page, "Words").get_by_role("link")).to_have_count(1)
    expect(_panel(page, "Words")).to_contain_text("<b>no</b>")
    _panel(page, "Height").get_by_label("About").click()
    expect(_panel(page, "Height").locator(".about strong")).to_have_text("Normal:")
    accessible(page, "A small board")

    _panel(page, "Lines").get_by_role("button", name="one").focus()
    live.measured.height, live.measured.storm = 1234, 1
    expect(height).to_have_text("1.23 k")
    assert page.evaluate("document.activeElement.name") == "one"
    expect(_panel(page, "Weather").locator("canvas")).to_have_attribute("aria-label", "Weather: rain storm")
    expect(page.locator("#marks")).to_contain_text("Storm: rain")
    wait_until(lambda: weather.evaluate(_SHARE, "--g-red") > 0, what="storm")
    wait_until(lambda: lines.evaluate(_SHARE, "--g-red") > 0, what="a mark")
    page.set_viewport_size({"width": 390, "height": 800})
    fits = "document.documentElement.scrollWidth <= innerWidth"
    wait_until(lambda: page.evaluate(fits), what="everything within a phone")
    assert viewer.complaints == []


def test_while_prometheus_is_away(viewer: Seen, live: Live) -> None:
    """While Prometheus hangs or is dead, the page reports it, keeps its data and recovers without intervention, and no
    other page of the console waits."""
    page = viewer.page
    expect(page.locator("#as-of.moving")).to_be_visible()
    live.prometheus.freeze()
    try:
        expect(page.locator("#problem")).to_contain_text("Prometheus does not answer")
        expect(page.locator("#problem")).to_contain_text("What is shown is of")
        with live.console.client() as client:
            client.post("/console/login", data={"key": keys.VIEWER})
            assert client.get(f"/console/live/{UID}/data?range=1h", timeout=30).json()["problem"]
            for path in ("/console", "/livez", f"/console/live/{UID}"):
                assert client.get(path, timeout=30).status_code == 200
    finally:
        live.prometheus.thaw()
    expect(page.locator("#problem")).to_be_hidden()
    live.prometheus.kill()
    with live.console.client() as client:
        client.post("/console/login", data={"key": keys.VIEWER})
        data = client.get(f"/console/live/{UID}/data?range=5m").json()
        assert (data["problem"][:28], data["as_of"]) == ("Prometheus does not answer (", None)
    live.prometheus.start()
    assert viewer.complaints == []


def test_an_answer_that_is_no_data_is_reported(viewer: Seen) -> None:
    """A page of something between the browser and the console is reported, and the view recovers without
    intervention. A panel whose queries are not answered shows that, and not as well that there is no value."""
    page = viewer.page
    expect(page.locator("#as-of.moving")).to_be_visible()
    data = re.compile(r"/data\?range=")
    page.route(data, lambda route: route.fulfill(status=200, body="<p>Please log in to the proxy.</p>"))
    expect(page.locator("#problem")).to_contain_text("What answers is not the console.")
    page.unroute(data)
    expect(page.locator("#problem")).to_be_hidden()

    def late(route: Route) -> None:
        answer = route.fetch()
        panels = {number: {"series": [], "problem": "no answer in time"} for number in answer.json()["panels"]}
        route.fulfill(json=answer.json() | {"panels": panels})

    page.route(data, late)
    height = _panel(page, "Height")
    expect(height.get_by_text("no answer in time")).to_be_visible()
    expect(height.locator(".picture")).to_be_hidden()
    page.unroute(data)
    expect(height.locator(".picture")).to_be_visible()
    assert viewer.complaints == []


def test_nothing_else_can_be_asked(live: Live) -> None:
    """The live view answers only viewers, for known dashboards and spans, with the dashboards' own queries."""
    with live.console.client() as client:
        assert client.get(f"/console/live/{UID}/data").headers["location"].startswith("/console/login")
        client.post("/console/login", data={"key": keys.VIEWER})
        assert client.get("/console/live/nobody").status_code == 404
        assert client.get("/console/live/nobody/data").status_code == 404
        assert client.get("/console/live/..%2f..%2fetc").status_code == 404
        assert client.get(f"/console/live/{UID}/data?range=1y").status_code == 422
        asked = f"/console/live/{UID}/data?range=5m&query=up&expr=up"
        data: dict[str, Any] = {}

        def picture() -> bool:
            data.update(client.get(asked).json())
            return data["problem"] is None

        wait_until(picture, what="a picture")
        assert set(data["panels"]) == {str(panel["id"]) for panel in BOARD["panels"] if panel.get("targets")}
        assert "board_height" not in client.get(f"/console/live/{UID}").text
        names = {one["labels"].get("__name__") for panel in data["panels"].values() for one in panel["series"]}
        assert "up" not in names


def test_ten_viewers_cost_as_much_as_one(live: Live) -> None:
    """All viewers within a scrape interval get the same data, for which Prometheus is queried once."""
    before, began = _queries(live.prometheus), time.monotonic()
    with live.console.client() as client:
        client.post("/console/login", data={"key": keys.VIEWER})
        answers = [client.get(f"/console/live/{UID}/data?range=1h").content for _ in range(10)]
    scrapes = 2 + (time.monotonic() - began) // (SCRAPE_EVERY_S - 1)
    assert len(set(answers)) <= scrapes
    one = sum(len(panel.get("targets", ())) for panel in BOARD["panels"])
    assert 0 < _queries(live.prometheus) - before <= scrapes * one


def _queries(prometheus: PrometheusServer) -> float:
    """Return the number of queries that Prometheus has received."""
    lines = fetch("GET", f"{prometheus.url}/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines
               if line.startswith("prometheus_http_requests_total") and "/api/v1/query" in line)  # fmt: skip
