"""Dashboards: reads Grafana's Classic JSON: the queries for Prometheus, and what a browser needs to draw their
results."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from holdfast.services.dlq_admin.live.variables import Variables
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

#: The dashboard that is shown first.
HOME = "holdfast-failure-recovery"

_DRAWN_FROM = ("title", "description", "gridPos", "fieldConfig", "options", "transformations")
_HEIGHT, _WIDTH = 8, 24


class Target(NamedTuple):
    """One query of a panel. `instant`: query the current value only, instead of the whole span."""

    ref: str
    expr: str
    legend: str
    instant: bool


class Panel(NamedTuple):
    """A panel of a dashboard. `drawn` is for the browser and holds no query."""

    number: int
    kind: str
    drawn: Mapping[str, Any]
    targets: tuple[Target, ...]


class Row(NamedTuple):
    """Panels under a heading. The first row may have none."""

    title: str
    panels: tuple[Panel, ...]


class Annotation(NamedTuple):
    """A mark on every panel while its query is 1 or more. `at_value`: marks at the times that are the query's values,
    in ms."""

    name: str
    expr: str
    colour: str
    title: str
    at_value: bool


class Dashboard(NamedTuple):
    """A dashboard, with its queries."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    annotations: tuple[Annotation, ...]
    variables: Variables

    @property
    def panels(self) -> Iterator[Panel]:
        """All panels."""
        return (panel for row in self.rows for panel in row.panels)


def read_all(folder: Path) -> dict[str, Dashboard]:
    """Return uid -> dashboard, the first one to show first. A file that is not a dashboard is logged and left out."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(read(json.loads(path.read_text())))
        except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
            logs.error(Action.DASHBOARD_UNREADABLE, file=path.name, error=f"{type(error).__name__}: {error}")
    return {each.uid: each for each in sorted(found, key=lambda each: (each.uid != HOME, each.title))}


def read(document: Mapping[str, Any]) -> Dashboard:
    """Read a dashboard. Raises LookupError, TypeError, ValueError or AttributeError if the document is not a
    dashboard."""
    annotations = document.get("annotations", {}).get("list", [])
    return Dashboard(
        str(document["uid"]),
        str(document["title"]),
        str(document.get("description") or ""),
        tuple(row for row in _rows(document["panels"]) if row.panels),
        tuple(_annotation(each) for each in annotations if each.get("expr") and each.get("enable", True)),
        Variables.read(document.get("templating", {}).get("list", [])),
    )


def _rows(panels: list[Mapping[str, Any]]) -> Iterator[Row]:
    title, below = "", list[Panel]()
    for each in sorted(panels, key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"])):
        if each["type"] == "row":
            yield Row(title, tuple(below))
            title, below = str(each.get("title") or ""), [_panel(inner) for inner in each.get("panels") or ()]
        else:
            below.append(_panel(each))
    yield Row(title, tuple(below))


def _panel(source: Mapping[str, Any]) -> Panel:
    drawn = {name: source[name] for name in _DRAWN_FROM if source.get(name) is not None}
    drawn["gridPos"] = {"x": 0, "y": 0, "w": _WIDTH, "h": _HEIGHT} | source["gridPos"]
    targets = tuple(
        Target(
            str(each.get("refId") or "A"),
            str(each["expr"]),
            str(each.get("legendFormat") or ""),
            bool(each.get("instant")),
        )
        for each in source.get("targets") or ()
        if each.get("expr") and not each.get("hide")
    )
    drawn["formats"] = {str(each.get("refId") or "A"): each.get("format") for each in source.get("targets") or ()}
    return Panel(int(source["id"]), str(source["type"]), drawn, targets)


def _annotation(source: Mapping[str, Any]) -> Annotation:
    at_value = str(source.get("useValueForTime", "")).lower() in ("on", "true")
    name, colour = str(source.get("name") or ""), str(source.get("iconColor") or "blue")
    return Annotation(name, str(source["expr"]), colour, str(source.get("titleFormat") or name), at_value)
