"""A census counts what a reader sees: an answer that is empty, is no number, or lacks a label of its legend does not
count."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy import read_yaml
from deploy.dashboards.asked import Asked
from deploy.dashboards.verify.census import Census, Judged, problem, summary
from deploy.dashboards.verify.prometheus import Line, Prometheus, Reply, Span
from tests.servers import free_port

_NAN = float("nan")


@pytest.mark.parametrize(
    ("reply", "fields", "what"),
    [
        (Reply(lines=(Line({"job": "api"}, (_NAN, 1.0)),)), {"job"}, ""),
        (Reply(lines=(Line({}, (1.0,)),)), set(), ""),
        (Reply("bad query"), set(), "bad query"),
        (Reply(), set(), "no data"),
        (Reply(lines=(Line({}, (_NAN, float("inf"))),)), set(), "data, but never a number"),
        (
            Reply(lines=(Line({"job": "api"}, (1.0,)), Line({}, (1.0,)))),
            {"job"},
            "its legend shows job, which it does not have",
        ),
    ],
    ids=["good", "one number", "error", "empty", "no number", "no label"],
)
def test_an_answer_is_judged_by_what_a_reader_sees(reply: Reply, fields: set[str], what: str) -> None:
    """An answer has data if every line has at least one finite number and every label that the legend shows."""
    assert problem(reply, frozenset(fields)) == what


def test_a_panel_counts_when_all_its_queries_have_data() -> None:
    """A panel counts only if all its queries have data, and missing data is named. An empty annotation fails the
    census, but is not counted as a panel."""

    def judged(kind: Any, where: str, what: str) -> Judged:
        return Judged(Asked(kind, where, "up", "{{job}}"), what)

    census = Census(
        "u", 2, (judged("panel", "a", ""), judged("panel", "b", "no data"), judged("panel", "b", ""),
                 judged("annotation", "Faults", "")),
    )  # fmt: skip
    complete, text = summary([census])
    assert not complete
    assert "u: panels with data 1/2, annotations 1/1" in text
    assert "panel 'b': no data" in text
    assert text.endswith("panels with data: 1/2")
    assert summary([Census("u", 1, (judged("panel", "a", ""),))]) == (
        True, "u: panels with data 1/1\n\npanels with data: 1/1",
    )  # fmt: skip
    assert not summary([Census("u", 1, (judged("panel", "a", ""), judged("annotation", "Faults", "no data")))])[0]


def test_a_prometheus_that_is_not_there_is_a_problem_and_no_crash() -> None:
    """A Prometheus that refuses connections gives errors and empty answers, not a crash."""
    nobody = Prometheus(f"127.0.0.1:{free_port()}")
    assert nobody.over("up", Span(0, 10)).error
    assert nobody.label_values("up", "job", Span(0, 10)).error
    assert nobody.targets() == {}
    assert not nobody.rules_evaluated()


def test_what_is_provisioned_fits() -> None:
    """The data source has the uid of the dashboards and the scrape interval of Prometheus, and dashboards cannot be
    edited."""
    folder = Path(__file__).parents[2] / "deploy"
    sources = read_yaml.document((folder / "grafana/provisioning/datasources/prometheus.yml").read_text())
    source = sources["datasources"][0]
    scraped = read_yaml.document((folder / "prometheus/prometheus.yml").read_text())["global"]["scrape_interval"]
    dashboard = json.loads(next((folder.parent / "services/dlq_admin/live/grafana").glob("*.json")).read_text())
    uids = {panel["datasource"]["uid"] for panel in dashboard["panels"] if "datasource" in panel}
    assert {source["uid"]} == uids
    assert source["jsonData"]["timeInterval"] == scraped
    provider = read_yaml.document((folder / "grafana/provisioning/dashboards/holdfast.yml").read_text())["providers"][0]
    assert (provider["allowUiUpdates"], provider["disableDeletion"]) == (False, True)
