"""Lint: applies every rule to every dashboard, except where a panel is excused with a reason."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from deploy import read_yaml
from deploy.dashboards.asked import Dashboard, asked, panels
from deploy.dashboards.lint import of_dashboard, of_panel, of_query
from deploy.dashboards.lint.finding import Finding
from deploy.dashboards.lint.known import RULES, Series

_REPO = Path(__file__).parents[3]
#: Panel -> rule -> reason.
Excuses = Mapping[str, Mapping[str, str]]


def findings(
    dashboard: Dashboard,
    excuses: Excuses,
    known: Mapping[str, Series],
    uids: Collection[str],
    documents: Collection[str],
) -> Iterator[Finding]:
    """Return what is wrong, and the excuses that are not needed."""
    needed = set()
    for finding in _all(dashboard, known, uids, documents):
        if finding.rule in excuses.get(finding.where, {}):
            needed.add((finding.where, finding.rule))
        else:
            yield finding
    for where, rules in excuses.items():
        for rule, reason in rules.items():
            if (where, rule) not in needed:
                yield Finding("excuses-are-needed", where, f"it is excused from {rule} and breaks it nowhere")
            if not reason:
                yield Finding("excuses-are-needed", where, f"it is excused from {rule} without a reason")


def documents() -> set[str]:
    """Return the paths of the documents that descriptions may name."""
    return {str(path.relative_to(_REPO)) for path in (_REPO / "docs").rglob("*.md")}


def alerts(rules: Path = RULES) -> list[tuple[str, str]]:
    """Return (name, dashboard_url) of every alert."""
    return [
        (rule["alert"], rule["annotations"]["dashboard_url"])
        for file in sorted(rules.glob("*.yml"))
        for group in read_yaml.document(file.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def of_alerts(found: list[tuple[str, str]], uids: Collection[str]) -> Iterator[Finding]:
    """Check that every alert leads to an existing dashboard."""
    for name, url in found:
        if url.removeprefix("/d/") not in uids:
            yield Finding("links-lead-somewhere", name, f"its dashboard {url} is not there")


def _all(
    dashboard: Dashboard, known: Mapping[str, Series], uids: Collection[str], documents: Collection[str]
) -> Iterator[Finding]:
    yield from of_dashboard.findings(dashboard, uids, documents)
    for panel in panels(dashboard):
        yield from of_panel.findings(panel)
    for each in asked(dashboard):
        yield from of_query.findings(each, known)
