"""Reports are self-contained and show what was measured."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from deploy.charts import svg, table
from deploy.charts.chart import Band, Chart, Series
from deploy.client.follow import Followed
from deploy.client.generator import Phase, Run
from deploy.client.open_loop import OpenLoop
from deploy.client.outcome import Outcome
from deploy.client.plan import Kind, Plan
from deploy.load import recovery_page, report
from deploy.load.phases import Recovery
from deploy.load.steady import charts_of
from deploy.load.summary import summarize
from deploy.load.verdict import judge, parse

BEGAN = 1_000_000.0


@pytest.fixture
def run() -> Run:
    """A run of ten seconds with a fault in the middle, in which one write never ends."""
    run = Run(Plan("http://<api>:8080", 10, 10), loop=OpenLoop((), began=BEGAN), ended=BEGAN + 10)
    run.loop.slips_s.extend([0.001] * 100)
    for number in range(100):
        broken = 40 <= number < 60
        outcome = Outcome.FAILED if broken else Outcome.GOOD
        run.samples.add(
            BEGAN + number / 10, 0.5 if broken else 0.01, Kind.READS, outcome, "<b>GONE</b>" if broken else ""
        )
    run.phases = [
        Phase("before", BEGAN, BEGAN + 4),
        Phase("fault:database-killed", BEGAN + 4, BEGAN + 6, "database-killed"),
        Phase("recovery:database-killed", BEGAN + 6, BEGAN + 10),
    ]
    run.followed = [Followed(BEGAN + 1, "applied", BEGAN + 1.25), Followed(BEGAN + 5)]
    return run


def test_a_summary_has_every_part_with_its_own_numbers(run: Run) -> None:
    """A summary has numbers of its own for the whole run, each phase and each kind of request."""
    summary = summarize(run)
    assert summary["all"]["shares"]["failed"] == 20
    assert summary["phases"]["before"]["shares"]["good"] == 100
    assert summary["phases"]["fault:database-killed"]["shares"]["failed"] == 100
    assert summary["phases"]["fault:database-killed"]["latency_ms"]["p50"] == pytest.approx(500)
    assert summary["phases"]["before"]["end_to_end_ms"]["p50"] == pytest.approx(250)
    assert summary["all"]["followed"] == {"writes": 2, "applied": 1, "direct": 0, "not_over": 1}
    assert list(summary["kinds"]) == ["reads"]
    assert summary["errors"] == [{"kind": "reads", "code": "<b>GONE</b>", "count": 20}]


def test_the_files_of_a_report(run: Run, tmp_path: Path) -> None:
    """The page refers to nothing outside it, runs no script and escapes what servers sent; the numbers are JSON."""
    summary = summarize(run)
    files = report.write(tmp_path, "Load test", summary, judge(summary, parse("failed<=1")), charts_of(run))
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"<script|<link|<img|src=|href=|url\(|@import|<b>", page)
    assert "&lt;b&gt;GONE&lt;/b&gt;" in page
    assert "http://&lt;api&gt;:8080" in page
    assert page.count("<svg") == 3
    assert "failed&lt;=1" in page
    document = json.loads((tmp_path / "summary.json").read_text())
    assert document["verdict"] == "failed"
    assert document["targets"] == [{"target": "failed<=1", "found": 20.0, "met": False}]
    assert set(files) == {tmp_path / name for name in ("report.html", "summary.json", "charts.svg")}
    assert ElementTree.parse(tmp_path / "charts.svg").getroot().tag.endswith("svg")  # noqa: S314 - our own


def test_what_is_printed_at_the_end(run: Run) -> None:
    """The terminal shows missed targets, errors, writes that have not ended, and the verdict last."""
    summary = summarize(run)
    printed = report.terminal(summary, judge(summary, parse("failed<=1,not_over<=0")))
    assert "MISSED  failed<=1: 20" in printed
    assert "20 × <b>GONE</b> (reads)" in printed
    assert "1 of the followed writes had not ended" in printed
    assert printed.endswith("verdict: FAILED")


@pytest.mark.parametrize("style", ["lines", "stack", "dots"])
@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("points", [[], [(0.0, 0.0)], [(0.0, 3.0), (1.0, 12_000.0), (2.0, 0.001)]])
def test_charts_are_well_formed_and_stay_inside(style: str, log: bool, points: list[tuple[float, float]]) -> None:
    """A chart of no point, one point or points of very different sizes is well-formed XML and stays inside its
    frame."""
    chart = Chart("a < b", "ms", [Series("x & y", "#000", points)], [Band("<fault>", 0, 1)], style, log)  # type: ignore[arg-type]
    drawn = ElementTree.fromstring(svg.inline(chart))  # noqa: S314 - our own
    heights = [float(y) for shape in drawn.iter() for y in re.findall(r",(-?[\d.]+)", shape.get("points", ""))]
    assert all(0 <= y <= 240 for y in heights)


def test_a_page_keeps_what_earlier_runs_measured(tmp_path: Path) -> None:
    """A page keeps the faults that earlier runs measured, and a new run of a fault replaces its old numbers. A phase
    that was never reached is shown as such."""
    page = tmp_path / "recovery.md"
    seen = Recovery(0.1, None, 0.0, 0.5, 1.0, 2.0, 3.0, 99.5, 12.0)
    never = Recovery(0.3, None, 0.0, 0.5, 2.0, None, 5.0, 98.0, 12.0)
    plan = Plan("http://localhost:8080")
    recovery_page.write(page, {"queue-killed": [never]}, [], plan, 6, 0)
    recovery_page.write(page, {"database-killed": [seen, never]}, ["others used the machine"], plan, 6, 0)
    recovery_page.write(page, {"queue-killed": [seen]}, [], plan, 6, 0)
    numbers = json.loads(page.with_suffix(".json").read_text())
    assert len(numbers["queue-killed"]["repeats"]) == 1
    text = page.read_text()
    assert (
        "| database-killed (unknown) | 2 | 0.20 [0.10–0.30] | – | 0.00 [0.00–0.00] | 0.50 [0.50–0.50] | 1.50 [1.00"
        in text
    )
    assert "2.00 [2.00–2.00] (1 of 2 never)" in text
    assert "UNKNOWN: others used the machine" in text


def test_a_percentage_is_never_rounded_to_what_it_is_not() -> None:
    """A percentage is never rounded to 100 or 0: one failure in a million is not 100 %."""
    assert [table.percent(value) for value in (100.0, 99.9999, 0.0001, 0.0, None)] == ["100", "99.99", "0.01", "0", "–"]
