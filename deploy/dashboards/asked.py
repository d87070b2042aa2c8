"""Queries: extracts every query that a dashboard sends to Prometheus from its JSON, with Grafana's variables filled
in."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from deploy.dashboards.source import SOURCE_UID

Dashboard = Mapping[str, Any]

_FIELD = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LABEL_VALUES = re.compile(r"label_values\((?P<series>.+),\s*(?P<label>\w+)\)")
_SCRAPE_S = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """One query, and its place. `fields`: the labels that its legend or title shows."""

    kind: Literal["panel", "variable", "annotation"]
    where: str
    expr: str
    legend: str
    #: For the query of a variable: the label whose values it offers.
    label: str = ""

    @property
    def fields(self) -> frozenset[str]:
        """The labels without which the reader sees a blank."""
        return frozenset(_FIELD.findall(self.legend))


def panels(dashboard: Dashboard) -> Iterator[Mapping[str, Any]]:
    """Return all panels except rows."""
    return (panel for panel in dashboard["panels"] if panel["type"] != "row")


def asked(dashboard: Dashboard) -> Iterator[Asked]:
    """Return the queries: first of panels, then of variables and annotations."""
    for panel in panels(dashboard):
        for target in panel.get("targets") or ():
            yield Asked("panel", panel["title"], target["expr"], target.get("legendFormat", ""))
    for variable in dashboard.get("templating", {}).get("list") or ():
        found = _LABEL_VALUES.fullmatch(str(variable.get("query")))
        series, label = (found["series"], found["label"]) if found else (str(variable.get("query")), "")
        yield Asked("variable", variable["name"], series, "", label)
    for annotation in dashboard.get("annotations", {}).get("list") or ():
        if annotation.get("datasource", {}).get("uid") == SOURCE_UID:
            yield Asked("annotation", annotation["name"], annotation["expr"], annotation.get("titleFormat", ""))


def everything(dashboard: Dashboard) -> dict[str, str]:
    """Return the value of All for each variable."""
    declared = dashboard.get("templating", {}).get("list") or ()
    return {variable["name"]: variable.get("allValue") or ".+" for variable in declared}


def filled_in(
    expr: str, *, step_s: int = _SCRAPE_S, range_s: int = 900, chosen: Mapping[str, str] | None = None
) -> str:
    """Return the query with All for every variable without a choice. `step_s` and `range_s`: of the picture."""
    builtin = {
        "__rate_interval": f"{max(step_s + _SCRAPE_S, 4 * _SCRAPE_S)}s",
        "__interval": f"{step_s}s",
        "__range": f"{range_s}s",
    }
    values = builtin | dict(chosen or {})
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found[1], ".+"), expr)
