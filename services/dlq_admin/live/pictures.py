"""Pictures: the data of a dashboard, queried once for all viewers. Only the dashboard's own queries are sent.

While Prometheus does not answer, the last data is shown and marked as old. While it is too slow for all queries, the
next picture begins with those that have gone without an answer for longest; if none was answered, with others.
"""

import asyncio
import gzip
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from holdfast.services.dlq_admin.live import series
from holdfast.services.dlq_admin.live.dashboards import Dashboard, Panel
from holdfast.services.dlq_admin.live.prometheus import AT_ONCE, Prometheus, Refused
from holdfast.services.dlq_admin.live.series import Grid, Series
from holdfast.services.dlq_admin.live.variables import SPANS, Span
from holdfast.services.dlq_admin.unseen import without_unseen
from holdfast.shared.http.client import CallFailed
from holdfast.shared.runtime.time_budgets import SCRAPE_EVERY_S

_SERIES_MAX = 40
_PACKING = 1


class _Question(NamedTuple):
    query: str
    instant: bool


#: The result of each query: series, or the error. CallFailed: the result is unknown.
_Found = Mapping[_Question, list[Series] | Refused | CallFailed]


@dataclass(slots=True)
class _Kept:
    """The newest picture of a dashboard and span."""

    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    asked_at: float = float("-inf")
    content: dict[str, Any] | None = None
    packed: bytes = b""
    #: When each query last had its turn.
    turn_at: dict[_Question, float] = field(default_factory=dict)


class Pictures:
    """The pictures of all dashboards. `prometheus`: None if none is configured. `timeout_s`: for all queries of a
    picture."""

    def __init__(self, dashboards: Mapping[str, Dashboard], prometheus: Prometheus | None, timeout_s: float) -> None:
        self.dashboards = dashboards
        self._prometheus = prometheus
        self._timeout_s = timeout_s
        self._kept = {(uid, span): _Kept() for uid in dashboards for span in SPANS}

    @property
    def possible(self) -> bool:
        """Whether a Prometheus is configured."""
        return self._prometheus is not None

    async def packed(self, uid: str, span: str) -> bytes:
        """Return a picture as gzipped JSON, at most a few seconds old. The dashboard and the span must be known
        ones."""
        kept = self._kept[uid, span]
        async with kept.one_at_a_time:
            if time.monotonic() - kept.asked_at >= SCRAPE_EVERY_S - 1:  # a 5 s poll may be early
                dashboard, grid = self.dashboards[uid], Grid.ending(time.time(), SPANS[span])
                questions = sorted(_questions(dashboard, SPANS[span]), key=lambda each: kept.turn_at.get(each, 0))
                found = await self._found(questions, grid)
                answered = [each for each, result in found.items() if not isinstance(result, CallFailed)]
                # The first ones may be too slow for any picture, and would keep out all others.
                kept.turn_at |= dict.fromkeys(answered or questions[:AT_ONCE], time.monotonic())
                kept.content = _picture(dashboard, SPANS[span], grid, found, kept.content)
                kept.packed = gzip.compress(without_unseen(orjson.dumps(kept.content).decode()).encode(), _PACKING)
                kept.asked_at = time.monotonic()
        return kept.packed

    async def close(self) -> None:
        """Close the connections to Prometheus."""
        if self._prometheus is not None:
            await self._prometheus.close()

    async def _found(self, questions: Sequence[_Question], grid: Grid) -> _Found:
        tasks = [asyncio.create_task(self._answer(question, grid)) for question in questions]
        try:
            _, late = await asyncio.wait(tasks, timeout=self._timeout_s) if tasks else ((), ())
        finally:
            for task in tasks:
                task.cancel()  # no effect on those that are done
        await asyncio.gather(*tasks, return_exceptions=True)
        hung = CallFailed(f"no answer within {self._timeout_s:g} s")
        return {
            question: hung if task in late else task.result() for question, task in zip(questions, tasks, strict=True)
        }

    async def _answer(self, question: _Question, grid: Grid) -> list[Series] | Refused | CallFailed:
        assert self._prometheus is not None  # noqa: S101 - callers check `possible` first
        try:
            if question.instant:
                return await self._prometheus.at(question.query, grid.end_s)
            return await self._prometheus.over(question.query, grid)
        except (CallFailed, Refused) as error:
            return error


def _questions(dashboard: Dashboard, span: Span) -> list[_Question]:
    """Return the queries without duplicates."""
    every = [
        _question(dashboard, span, each.expr, instant=each.instant)
        for panel in dashboard.panels
        for each in panel.targets
    ]
    every += [_question(dashboard, span, each.expr, instant=False) for each in dashboard.annotations]
    return list(dict.fromkeys(every))


def _question(dashboard: Dashboard, span: Span, expr: str, *, instant: bool) -> _Question:
    return _Question(dashboard.variables.put_into(expr, span), instant)


def _picture(
    dashboard: Dashboard, span: Span, grid: Grid, found: _Found, before: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the picture, or `before` with a notice if Prometheus answered no query at all."""
    failed = [each for each in found.values() if isinstance(each, CallFailed)]
    if found and len(failed) == len(found):
        problem = f"Prometheus does not answer ({failed[0]})."
        return {**(before or _frame(grid) | {"as_of": None, "panels": {}, "events": []}), "problem": problem}
    panels = {str(panel.number): _panel(dashboard, span, panel, found) for panel in dashboard.panels if panel.targets}
    return _frame(grid) | {
        "problem": None,
        "as_of": grid.end_s,
        "panels": panels,
        "events": _events(dashboard, span, grid, found),
    }


def _frame(grid: Grid) -> dict[str, Any]:
    return {"start": grid.start_s, "step": grid.step_s, "points": grid.points}


def _panel(dashboard: Dashboard, span: Span, panel: Panel, found: _Found) -> dict[str, Any]:
    drawn: list[dict[str, Any]] = []
    problems = []
    for target in panel.targets:
        got = found[_question(dashboard, span, target.expr, instant=target.instant)]
        if isinstance(got, list):
            drawn += [
                {
                    "ref": target.ref,
                    "name": series.name(each.labels, target.legend),
                    "labels": each.labels,
                    "values": each.values,
                }
                for each in got[:_SERIES_MAX]
            ]
            if len(got) > _SERIES_MAX:
                problems.append(f"{len(got) - _SERIES_MAX} more series are not shown.")
        else:
            problems.append(str(got))
    return {"series": drawn, "problem": " ".join(dict.fromkeys(problems)) or None}


def _events(dashboard: Dashboard, span: Span, grid: Grid, found: _Found) -> Sequence[dict[str, Any]]:
    drawn = []
    for each in dashboard.annotations:
        got = found[_question(dashboard, span, each.expr, instant=False)]
        if isinstance(got, list):
            happened = series.events(got, grid, each.title, at_value=each.at_value)
            drawn.append({"name": each.name, "colour": each.colour, "events": [one._asdict() for one in happened]})
    return drawn
