"""The lint finds nothing in our dashboards, and each of its rules finds the mistake that it is for."""

import copy
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from deploy.dashboards.asked import filled_in
from deploy.dashboards.board import Board
from deploy.dashboards.lint.__main__ import wrong
from deploy.dashboards.lint.known import Series, known
from deploy.dashboards.lint.lint import findings, of_alerts
from deploy.dashboards.write import BOARDS, FOLDER, as_json, files, stale

Json = dict[str, Any]

_UIDS = [board.uid for board in BOARDS]
_RATE = "sum by (outcome) (rate(holdfast_outcomes_total[$__rate_interval]))"


@pytest.fixture(scope="module")
def series() -> Mapping[str, Series]:
    """Every series that a query may use."""
    return known()


def good() -> Json:
    """Return a dashboard in which the lint finds nothing."""
    source = {"type": "prometheus", "uid": "prometheus"}
    panel = {
        "id": 1, "type": "timeseries", "title": "What became of it?", "datasource": source,
        "description": "Outcomes.\n\n**Normal:** Applied.\n\n**Otherwise:** look.",
        "fieldConfig": {"defaults": {"unit": "ops", "noValue": "Nothing", "min": 0, "custom": {}}, "overrides": []},
        "options": {"legend": {"showLegend": True}},
        "targets": [{"datasource": source, "expr": _RATE, "legendFormat": "{{outcome}}", "refId": "A"}],
    }  # fmt: skip
    variable = {
        "type": "query", "name": "job", "query": "label_values(up, job)", "refresh": 2, "multi": True,
        "includeAll": True, "datasource": source,
    }  # fmt: skip
    second = copy.deepcopy(panel) | {"id": 2, "title": "How busy?"}
    second["targets"][0] |= {"expr": 'process_open_fds{job=~"$job"}', "legendFormat": "{{instance}}"}
    annotation = {
        "name": "Faults", "datasource": source, "titleFormat": "{{fault}}",
        "expr": "max by (fault) (holdfast_fault_active) == 1",
    }  # fmt: skip
    return {
        "uid": "good", "title": "Good", "editable": False, "schemaVersion": 42, "refresh": "5s", "graphTooltip": 1,
        "time": {"from": "now-15m", "to": "now"}, "links": [{"type": "dashboards", "keepTime": True}],
        "templating": {"list": [variable]}, "annotations": {"list": [annotation]}, "panels": [panel, second],
    }  # fmt: skip


def found(dashboard: Json, series: Mapping[str, Series], excuses: Any = None) -> list[str]:
    """Return the rules that the dashboard breaks."""
    return [each.rule for each in findings(dashboard, excuses or {}, series, _UIDS, {"docs/errors.md"})]


def test_ours_are_as_they_should_be() -> None:
    """The lint finds nothing in the shipped dashboards, as in `make lint`."""
    assert [f"{uid}: {finding}" for uid, finding in wrong()] == []


@pytest.mark.parametrize("board", BOARDS, ids=_UIDS)
def test_a_file_is_as_its_code(board: Board) -> None:
    """The file is as its code generates it, so `make dashboards` would change nothing."""
    assert (FOLDER / f"{board.uid}.json").read_text() == as_json(board), "make dashboards"


def test_a_file_that_is_no_dashboards_is_noticed(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that belongs to no dashboard, for example after a renaming, and one that was edited by hand are
    reported."""
    folder = tmp_path / "dashboards"
    folder.mkdir()
    monkeypatch.setattr("deploy.dashboards.write.FOLDER", folder)
    for path, text in files().items():
        path.write_text(text)
    assert stale() == []
    (folder / "old.json").write_text("{}")
    (folder / f"{BOARDS[0].uid}.json").write_text(as_json(BOARDS[0]).replace("5s", "6s"))
    assert sorted(stale()) == [f"{BOARDS[0].uid}.json is out of date", "old.json belongs to no dashboard"]
    assert folder != FOLDER


def test_the_good_one_is_good(series: Mapping[str, Series]) -> None:
    """The lint finds nothing in the good dashboard; otherwise the following tests would show nothing."""
    assert found(good(), series) == []


def _panel(**changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: dashboard["panels"][0].update(changes)


def _defaults(**changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: dashboard["panels"][0]["fieldConfig"]["defaults"].update(changes)


def _query(expr: str, legend: str = "{{outcome}}") -> Callable[[Json], None]:
    changes = {"expr": expr, "legendFormat": legend}
    return lambda dashboard: dashboard["panels"][0]["targets"][0].update(changes)


def _variable(**changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: dashboard["templating"]["list"][0].update(changes)


def _top(**changes: Any) -> Callable[[Json], None]:
    return lambda dashboard: dashboard.update(changes)


_BREAKS: list[tuple[str, Callable[[Json], None]]] = [
    ("uneditable-dashboard", _top(editable=True)),
    ("same-frame", _top(refresh="1m")),
    ("same-frame", _top(schemaVersion=41)),
    ("same-frame", _top(time={"from": "now-6h", "to": "now"})),
    ("no-leftovers", _top(__inputs=[{"name": "DS_PROMETHEUS"}])),
    ("no-leftovers", _top(id=7)),
    ("few-panels", lambda it: it["panels"].extend(it["panels"][0] | {"id": n, "title": f"{n}"} for n in range(9, 33))),
    ("full-lines", _panel(gridPos={"x": 12, "y": 1, "w": 24, "h": 8})),
    ("full-lines", _panel(gridPos={"x": 0, "y": 1, "w": 12, "h": 8})),
    ("each-once", lambda it: it["panels"].append(it["panels"][0] | {"title": "Another"})),
    ("each-once", lambda it: it["panels"].append(it["panels"][0] | {"id": 3})),
    ("fixed-data-source", _panel(datasource={"type": "prometheus", "uid": "${DS_PROMETHEUS}"})),
    ("fixed-data-source", lambda it: it["panels"][0].pop("datasource")),
    ("links-lead-somewhere", _top(links=[])),
    ("links-lead-somewhere", _panel(description="[x](/d/nowhere)\n\n**Normal:** .\n\n**Otherwise:** .")),
    ("links-lead-somewhere", _panel(description="See docs/gone.md\n\n**Normal:** .\n\n**Otherwise:** .")),
    ("variables-are-declared", _query('process_open_fds{job=~"$service"}', "{{instance}}")),
    ("variables-are-declared", lambda it: it["panels"].pop()),
    ("template-on-time-change-reload", _variable(refresh=1)),
    ("template-job-instance", _variable(multi=False)),
    ("template-label-promql", _variable(query="up")),
    ("panel-title-description", _panel(title="")),
    ("panel-title-description", _panel(title="A title of so many words that nobody reads it to its end")),
    ("panel-title-description", _panel(description="Outcomes.")),
    ("panel-type", _panel(type="geomap")),
    ("panel-units", _defaults(unit="")),
    ("empty-state", _defaults(noValue="")),
    ("panel-no-targets", _panel(targets=[])),
    ("y-from-zero", _defaults(min=None)),
    ("shares-to-one", _defaults(unit="percentunit")),
    ("no-stacked-rates", _defaults(custom={"stacking": {"mode": "normal"}})),
    ("legend-set", _panel(options={"legend": {"showLegend": False}})),
    ("legend-set", _query(_RATE, "")),
    ("legend-set", _query("sum by (outcome) (rate(holdfast_outcomes_total[1m]))", "{{instance}}")),
    ("legend-set", _query("sum (rate(holdfast_outcomes_total[1m]))", "{{outcome}}")),
    ("target-promql", _query("sum by (outcome (up)")),
    ("target-known-series", _query("sum by (outcome) (rate(holdfast_outcome_total[1m]))")),
    ("target-known-series", _query('{outcome="Dead"}')),
    ("target-known-labels", _query('sum by (outcome) (rate(holdfast_outcomes_total{result="ok"}[1m]))')),
    ("target-known-labels", _query("sum by (outcome, stream) (rate(holdfast_outcomes_total[1m]))")),
    ("target-known-labels", _query("holdfast_backpressure", "{{stream}}")),
    ("target-counter-agg", _query("sum by (outcome) (holdfast_outcomes_total)")),
    ("target-counter-agg", _query("sum by (job) (rate(holdfast_backpressure[1m]))", "{{job}}")),
    ("target-rate-interval", _query("sum by (outcome) (rate(holdfast_outcomes_total[10s]))")),
    ("target-job", _query("sum by (outcome) (rate(holdfast_http_request_duration_seconds_count[1m]))")),
]


@pytest.mark.parametrize(("rule", "spoil"), _BREAKS, ids=[f"{at}-{rule}" for at, (rule, _) in enumerate(_BREAKS)])
def test_a_rule_finds_what_it_is_for(rule: str, spoil: Callable[[Json], None], series: Mapping[str, Series]) -> None:
    """Each rule finds its mistake in a dashboard that is otherwise good."""
    dashboard = good()
    spoil(dashboard)
    assert rule in found(dashboard, series)


def test_a_panel_may_be_excused_with_a_reason(series: Mapping[str, Series]) -> None:
    """An excuse exempts a panel from one rule; an excuse that is not needed or has no reason is reported."""
    dashboard = good()
    _defaults(min=None)(dashboard)
    title = dashboard["panels"][0]["title"]
    assert found(dashboard, series, {title: {"y-from-zero": "it has none"}}) == []
    assert found(dashboard, series, {title: {"y-from-zero": ""}}) == ["excuses-are-needed"]
    assert found(good(), series, {title: {"y-from-zero": "it has none"}}) == ["excuses-are-needed"]


def test_an_alert_leads_to_a_dashboard() -> None:
    """An alert's link that leads to none of the dashboards is reported."""
    assert list(of_alerts([("Good", f"/d/{_UIDS[0]}")], _UIDS)) == []
    assert [each.where for each in of_alerts([("Bad", "/d/gone")], _UIDS)] == ["Bad"]


def test_variables_are_filled_in_as_grafana_does_it() -> None:
    """Variables are filled in as Grafana does it: rates span at least four scrapes and a whole step of a wide picture,
    and a variable that is not chosen matches all."""
    assert filled_in("rate(a[$__rate_interval])") == "rate(a[20s])"
    assert filled_in("rate(a[${__rate_interval}])", step_s=60) == "rate(a[65s])"
    assert filled_in("increase(a[$__range]) + b[$__interval]", range_s=90) == "increase(a[90s]) + b[5s]"
    assert filled_in('a{job=~"$job", instance=~"$instance"}', chosen={"job": "api"}) == 'a{job=~"api", instance=~".+"}'


def test_everything_is_drawn_by_what_is_not_grafana_too() -> None:
    """The JSON is plain enough for other programs than Grafana: only tables have transformations."""
    for board in BOARDS:
        for panel in json.loads(as_json(board))["panels"]:
            assert panel["type"] == "table" or not panel.get("transformations"), panel["title"]
