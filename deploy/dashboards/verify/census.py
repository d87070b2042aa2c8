"""Census: counts the panels that have data in a span of time, and states what is wrong with the others."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.dashboards.asked import Asked, Dashboard, asked, everything, filled_in, panels
from deploy.dashboards.verify.prometheus import Prometheus, Reply, Span


@dataclass(frozen=True, slots=True)
class Judged:
    """A query with its result. `problem`: why a reader sees nothing, or something odd; empty if all is well."""

    asked: Asked
    problem: str


@dataclass(frozen=True, slots=True)
class Census:
    """The census of one dashboard."""

    uid: str
    panels: int
    judged: tuple[Judged, ...]

    @property
    def problems(self) -> list[Judged]:
        """The problems, one per query."""
        return [each for each in self.judged if each.problem]

    @property
    def panels_with_data(self) -> int:
        """The number of panels of which every query has data."""
        return self.panels - len({each.asked.where for each in self.problems if each.asked.kind == "panel"})

    def lines(self) -> Iterator[str]:
        """Return the census as lines for people."""
        kinds = {kind: [each for each in self.judged if each.asked.kind == kind] for kind in ("variable", "annotation")}
        others = ", ".join(
            f"{kind}s {sum(not each.problem for each in found)}/{len(found)}" for kind, found in kinds.items() if found
        )
        counted = f"panels with data {self.panels_with_data}/{self.panels}"
        yield f"{self.uid}: {', '.join(filter(None, (counted, others)))}"
        for each in self.problems:
            yield f"    {each.asked.kind} {each.asked.where!r}: {each.problem}\n        {each.asked.expr}"


def take(files: Iterable[Path], prometheus: Prometheus, span: Span) -> list[Census]:
    """Return the census of each dashboard file."""
    return [_of(json.loads(file.read_text()), prometheus, span) for file in files]


def summary(censuses: list[Census]) -> tuple[bool, str]:
    """Return whether nothing is missing, and the text for people."""
    lines = [line for census in censuses for line in census.lines()]
    have, all_of_them = sum(each.panels_with_data for each in censuses), sum(each.panels for each in censuses)
    complete = not any(census.problems for census in censuses)
    return complete, "\n".join([*lines, "", f"panels with data: {have}/{all_of_them}"])


def _of(dashboard: Dashboard, prometheus: Prometheus, span: Span) -> Census:
    count = sum(1 for panel in panels(dashboard) if panel.get("targets"))
    chosen = everything(dashboard)
    judged = (Judged(each, _judge(each, prometheus, span, chosen)) for each in asked(dashboard))
    return Census(dashboard["uid"], count, tuple(judged))


def _judge(it: Asked, prometheus: Prometheus, span: Span, chosen: Mapping[str, str]) -> str:
    expr = filled_in(it.expr, step_s=span.step_s, range_s=span.range_s, chosen=chosen)
    if it.kind == "variable":
        offered = prometheus.label_values(expr, it.label, span)
        return offered.error or ("" if offered.values else "it offers no values")
    if error := prometheus.at(expr, span.to_s).error:
        return error
    return problem(prometheus.over(expr, span), it.fields)


def problem(reply: Reply, fields: frozenset[str]) -> str:
    """Return what is wrong with a reply whose legend shows `fields`, or an empty text."""
    if reply.error:
        return reply.error
    if not reply.lines:
        return "no data"
    if not any(math.isfinite(value) for line in reply.lines for value in line.values):
        return "data, but never a number"
    missing = {name for line in reply.lines for name in fields - set(line.labels)}
    return f"its legend shows {', '.join(sorted(missing))}, which it does not have" if missing else ""
