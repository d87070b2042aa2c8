"""Rules for one panel: whether a reader who sees it for the first time understands it."""

from collections.abc import Iterator, Mapping
from typing import Any

from deploy.dashboards.lint.finding import Finding

#: Kinds of panels that are also drawn where there is no Grafana.
TYPES = frozenset({"stat", "timeseries", "state-timeline", "table", "bargauge", "text", "heatmap"})
_TITLE_MAX = 45


def findings(panel: Mapping[str, Any]) -> Iterator[Finding]:
    """Return the findings for a panel that is not a row."""
    title = panel.get("title") or ""
    for rule, sentence in _wrong(panel):
        yield Finding(rule, title, sentence)


def _wrong(panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    title, description = panel.get("title") or "", panel.get("description") or ""
    if not title or len(title) > _TITLE_MAX:
        yield "panel-title-description", f"a title has 1 to {_TITLE_MAX} letters"
    if panel["type"] not in TYPES:
        yield "panel-type", f"{panel['type']} is drawn by Grafana only"
    if panel["type"] == "text":
        if not description:
            yield "panel-title-description", "it has no description"
        return
    if not all(part in description for part in ("**Normal:**", "**Otherwise:**")) or description.startswith("\n"):
        yield "panel-title-description", "it does not say what it shows, what is normal, what to do"
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if not defaults.get("unit"):
        yield "panel-units", "its numbers have no unit"
    if not defaults.get("noValue"):
        yield "empty-state", "it has no text for no data"
    if not panel.get("targets"):
        yield "panel-no-targets", "it asks nothing"
    if panel["type"] == "timeseries":
        yield from _axes(defaults)
        yield from _legend(panel)


def _axes(defaults: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    logarithmic = defaults.get("custom", {}).get("scaleDistribution", {}).get("type") == "log"
    if defaults.get("min") != 0 and not logarithmic:
        yield "y-from-zero", "its axis does not begin at 0: a ripple looks like a wave"
    if defaults.get("unit") == "percentunit" and defaults.get("max") != 1:
        yield "shares-to-one", "a share is drawn between 0 and 1"
    if defaults.get("custom", {}).get("stacking", {}).get("mode", "none") != "none":
        yield "no-stacked-rates", "stacked: only the lowest line can be read"


def _legend(panel: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if not panel.get("options", {}).get("legend", {}).get("showLegend"):
        yield "legend-set", "nothing says which line is which"
