"""Rules for one query: whether it asks for something that exists, and in a way that makes sense."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

import promql_parser

from deploy.dashboards.asked import Asked, filled_in
from deploy.dashboards.lint.expression import OF_COUNTERS, Use, grouping, labels_of, uses
from deploy.dashboards.lint.finding import Finding
from deploy.dashboards.lint.known import Series

#: Four scrapes. A shorter window gives no rate when one scrape is missed.
_WINDOW_MIN = timedelta(seconds=20)
#: Series that every service exports. Summed over all services they say nothing.
_SHARED = ("holdfast_http_", "holdfast_event_loop_lag", "process_", "up", "scrape_")


def findings(asked: Asked, known: Mapping[str, Series]) -> Iterator[Finding]:
    """Return the findings for the query of a panel, a variable or an annotation."""
    for rule, sentence in _wrong(asked, known):
        yield Finding(rule, asked.where, sentence)


def _wrong(asked: Asked, known: Mapping[str, Series]) -> Iterator[tuple[str, str]]:
    if asked.kind == "variable" and not asked.label:
        yield "template-label-promql", "a variable asks for label_values(series, label)"
    if asked.kind != "variable" and not asked.legend:
        yield "legend-set", "a query has no legend"
    try:
        expr = promql_parser.parse(filled_in(asked.expr))
    except ValueError as error:
        yield "target-promql", f"{asked.expr} is no PromQL: {error}"
        return
    offered = labels_of(expr)
    found = list(uses(expr))
    for use in found:
        yield from _use(use, known)
    for label in sorted(_wanted(asked, expr) - _possible(found, known)):
        yield "target-known-labels", f"nothing that it asks for has a label {label}"
    for label in sorted(asked.fields - offered if offered is not None else ()):
        yield "legend-set", f"its legend names {label}, which is summed away"
    if asked.kind == "panel":
        yield from _whose(found, offered)


def _use(use: Use, known: Mapping[str, Series]) -> Iterator[tuple[str, str]]:
    series = known.get(use.name)
    if series is None:
        yield "target-known-series", f"{use.name or 'a series without a name'} is declared nowhere"
        return
    for label, _ in use.matchers:
        if label != "__name__" and series.labels is not None and label not in series.labels:
            yield "target-known-labels", f"{use.name} has no label {label}"
    counted = bool(OF_COUNTERS & set(use.inside))
    if series.kind == "counter" and not counted:
        yield "target-counter-agg", f"{use.name} only ever grows: ask for its rate or its increase"
    if series.kind == "gauge" and counted:
        yield "target-counter-agg", f"{use.name} is no counter: it has no rate"
    if counted and use.window is not None and use.window < _WINDOW_MIN:
        yield "target-rate-interval", f"{use.name}: a window below four scrapes; $__rate_interval is one that fits"


def _wanted(asked: Asked, expr: promql_parser.Expr) -> frozenset[str]:
    label = {asked.label} if asked.label else set()
    return asked.fields.union(label, *grouping(expr))


def _possible(found: list[Use], known: Mapping[str, Series]) -> frozenset[str]:
    """Return the labels of all series together. For a recorded series whose labels are not known, these are the labels
    of the scrape."""
    every = [known[use.name].labels for use in found if use.name in known]
    return frozenset().union(*(labels or frozenset({"job", "instance"}) for labels in every))


def _whose(found: list[Use], offered: frozenset[str] | None) -> Iterator[tuple[str, str]]:
    """Apply dashboard-linter's target-job and target-instance rules where they mean something."""
    for use in found:
        shared = use.name.startswith(_SHARED)
        if shared and "job" not in dict(use.matchers) and offered is not None and "job" not in offered:
            yield "target-job", f"{use.name} is exported by every service: select a job"
