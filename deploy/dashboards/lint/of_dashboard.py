"""Rules for a dashboard as a whole: its frame, its links, its variables."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from deploy.dashboards.asked import Dashboard, asked, panels
from deploy.dashboards.lint.finding import Finding
from deploy.dashboards.source import OWN, SOURCE_UID

PANELS_MAX = 25
#: The columns of Grafana's grid.
_COLUMNS = 24
_SCHEMA = 42
_FRAME = {"refresh": "5s", "graphTooltip": 1, "time": {"from": "now-15m", "to": "now"}, "schemaVersion": _SCHEMA}
_LINK = re.compile(r"\(/d/([\w-]+)|\"/d/([\w-]+)")
_DOCUMENT = re.compile(r"docs/[\w./-]+\.md")
_LEFTOVERS = ("__inputs", "__requires", "__elements", "id")
_USED = re.compile(r"\$\{?([a-z]\w*)")
_ON_TIME_CHANGE = 2


def findings(dashboard: Dashboard, uids: Collection[str], documents: Collection[str]) -> Iterator[Finding]:
    """Return the findings. `uids`: of all dashboards; `documents`: paths that a description may name."""
    yield from _frame(dashboard)
    yield from _lines(dashboard)
    yield from _once_only(dashboard)
    yield from _sources(dashboard, "")
    yield from _leads(dashboard, uids, documents)
    yield from _variables(dashboard)


def _frame(dashboard: Dashboard) -> Iterator[Finding]:
    if dashboard.get("editable") is not False:
        yield Finding("uneditable-dashboard", "", "it can be edited, and what is edited is lost with the next deploy")
    for name, wanted in _FRAME.items():
        if dashboard.get(name) != wanted:
            yield Finding("same-frame", "", f"{name} is {dashboard.get(name)!r}, and {wanted!r} everywhere else")
    for name in _LEFTOVERS:
        if dashboard.get(name) is not None:
            yield Finding("no-leftovers", "", f"`{name}` is of an export, and keeps it from being provisioned")
    count = sum(1 for _ in panels(dashboard))
    if count > PANELS_MAX:
        yield Finding("few-panels", "", f"{count} panels: more than {PANELS_MAX} are not read")


def _lines(dashboard: Dashboard) -> Iterator[Finding]:
    """Check panels beside each other. One that is too wide exceeds the edge, and one that is too narrow leaves a
    gap."""
    lines: dict[int, list[Mapping[str, Any]]] = {}
    for panel in panels(dashboard):
        if at := panel.get("gridPos"):
            lines.setdefault(at["y"], []).append(panel)
    for line in lines.values():
        places = sorted((panel["gridPos"]["x"], panel["gridPos"]["w"]) for panel in line)
        ends = [0, *(left + width for left, width in places)]
        if [left for left, _ in places] != ends[:-1] or ends[-1] != _COLUMNS:
            titles = ", ".join(panel["title"] for panel in line)
            yield Finding("full-lines", titles, f"its panels, {places} from the left and wide, do not fill {_COLUMNS}")


def _once_only(dashboard: Dashboard) -> Iterator[Finding]:
    everything = dashboard["panels"]
    for what in ("id", "title"):
        for value, count in Counter(panel.get(what) for panel in everything if _counts(panel, what)).items():
            if count > 1 or value is None:
                yield Finding("each-once", str(value), f"{count} panels have the {what} {value!r}")


def _counts(panel: Mapping[str, Any], what: str) -> bool:
    return what == "id" or panel["type"] != "row"


def _sources(part: object, where: str) -> Iterator[Finding]:
    """Return every place that names a data source."""
    if isinstance(part, Mapping):
        where = str(part.get("title") or part.get("name") or where)
        source = part.get("datasource")
        if isinstance(source, Mapping) and source.get("uid") not in (SOURCE_UID, OWN.uid):
            yield Finding("fixed-data-source", where, f"its data source is {source.get('uid')!r}, not {SOURCE_UID!r}")
        if source is None and part.get("targets"):
            yield Finding("fixed-data-source", where, "it names no data source")
        for value in part.values():
            yield from _sources(value, where)
    elif isinstance(part, list):
        for value in part:
            yield from _sources(value, where)


def _leads(dashboard: Dashboard, uids: Collection[str], documents: Collection[str]) -> Iterator[Finding]:
    text = json.dumps(dashboard)
    for uid in {found[1] or found[2] for found in _LINK.finditer(text)} - set(uids):
        yield Finding("links-lead-somewhere", "", f"/d/{uid} is no dashboard of ours")
    for document in set(_DOCUMENT.findall(text)) - set(documents):
        yield Finding("links-lead-somewhere", "", f"{document} is not there")
    if not any(link.get("type") == "dashboards" and link.get("keepTime") for link in dashboard.get("links") or ()):
        yield Finding("links-lead-somewhere", "", "no link to the other dashboards at the same time")


def _variables(dashboard: Dashboard) -> Iterator[Finding]:
    declared = {variable["name"]: variable for variable in dashboard.get("templating", {}).get("list") or ()}
    used = {name for each in asked(dashboard) for name in _USED.findall(each.expr)}
    for name in used - set(declared):
        yield Finding("variables-are-declared", name, "it is asked for and nowhere declared")
    for name in set(declared) - used:
        yield Finding("variables-are-declared", name, "nothing depends on it")
    for name, variable in declared.items():
        if variable["type"] == "query" and variable.get("refresh") != _ON_TIME_CHANGE:
            yield Finding("template-on-time-change-reload", name, "its choices are not those of the time shown")
        if not (variable.get("includeAll") and variable.get("multi")):
            yield Finding("template-job-instance", name, "neither all nor several can be chosen")
