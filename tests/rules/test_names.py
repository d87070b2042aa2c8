"""No rule names a series that is not exported, or a label that the series does not have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import prometheus_client
import promql_parser
import pytest

from deploy.rules.files import groups
from deploy.rules.profile import PROFILES, Profile
from deploy.rules.rule import Record
from holdfast.shared.telemetry import metrics
from tests.rules.test_texts import PAGES

#: Series that other programs export: Prometheus itself, and the exporters of Redis and of the database.
OTHERS = {"up": {"job", "instance"}, "redis_up": {"job", "instance"}, "mysql_up": {"job", "instance"}}
SCRAPED = {"job", "instance"}


def exported() -> dict[str, set[str]]:
    """Return the labels of each series that the metrics in shared/telemetry/metrics.py export."""
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, prometheus_client.metrics.MetricWrapperBase):
            labels = set(metric._labelnames) | SCRAPED
            kinds = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("_total",)}.get(metric._type, ("",))
            found |= {metric._name + kind: labels | ({"le"} if kind == "_bucket" else set()) for kind in kinds}
    return found


def selectors(node: Any) -> Iterator[Any]:
    """Yield every selector of an expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
        return
    for part in ("expr", "lhs", "rhs", "vector_selector", "param"):
        child = getattr(node, part, None)
        if child is not None:
            yield from selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from selectors(child)


def recorded(profile: Profile) -> set[str]:
    """Return the series that the rules themselves record."""
    return {rule.name for group in groups(profile) for rule in group.rules if isinstance(rule, Record)}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_a_rule_uses_only_what_is_there(profile: Profile) -> None:
    """A rule uses only declared metrics with their labels, and series that an earlier rule records."""
    known = exported() | OTHERS
    before: set[str] = set()
    for group in groups(profile):
        for rule in group.rules:
            used = list(selectors(promql_parser.parse(rule.expr)))
            assert used or rule.expr == "vector(1)", rule.expr
            for one in used:
                assert one.name in known or one.name in before, f"{rule.name}: {one.name}"
                if one.name in known:
                    assert {matcher.name for matcher in one.matchers.matchers} <= known[one.name], f"{rule.name}: {one}"
            if isinstance(rule, Record):
                before.add(rule.name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_runbook_names_only_what_is_there(page: Path) -> None:
    """A runbook names only metrics that are exported or recorded, in queries and in sentences."""
    named = set(re.findall(r"\b(?:\w+:)?holdfast_\w+(?::\w+)*|\bholdfast:\w+:\w+", page.read_text()))
    assert named <= set(exported()) | recorded(PROFILES[0])


def test_a_query_is_looked_through() -> None:
    """Selectors under functions, sums, subqueries and both sides of an operator are found."""
    query = "topk(1, sum by (a) (rate(one[1m]))) + on () max_over_time(two[5m:1m]) unless (3 * -three or absent(four))"
    assert [one.name for one in selectors(promql_parser.parse(query))] == ["one", "two", "three", "four"]
