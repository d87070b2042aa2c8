"""Dashboards, read and queried: variables, times, names, annotations; and every one of our own dashboards."""

import asyncio
import json
from pathlib import Path
from typing import cast

import pytest

from holdfast.services.dlq_admin.live import OWN_DASHBOARDS
from holdfast.services.dlq_admin.live.dashboards import read, read_all
from holdfast.services.dlq_admin.live.pictures import Pictures
from holdfast.services.dlq_admin.live.prometheus import AT_ONCE, Prometheus
from holdfast.services.dlq_admin.live.series import Event, Grid, Series, events, name, now, number, over
from holdfast.services.dlq_admin.live.variables import SPANS, Span, Variables
from tests.console.board import BOARD, UID

_DRAWN = {"stat", "timeseries", "state-timeline", "table", "bargauge", "text", "heatmap"}
_GRID = Grid(100, 5, 5)


@pytest.mark.parametrize(
    ("declared", "query", "asked"),
    [
        ([], "rate(a[$__rate_interval])", "rate(a[20s])"),
        ([], "a[$__range] ${__interval} [[__interval_ms]] $__range_s", "a[900s] 5s 5000 900"),
        ([{"name": "job", "current": {"value": "$__all"}}], 'a{job=~"$job"}', 'a{job=~".*"}'),
        ([{"name": "job", "allValue": "a|b"}], 'a{job=~"${job:regex}"}', 'a{job=~"a|b"}'),
        ([{"name": "i", "current": {"value": ["a.b", "c"]}}], 'a{i=~"$i"}', r'a{i=~"(a\\.b|c)"}'),
        ([{"name": "w", "type": "custom", "query": "1m, 5m"}], "a[$w]", "a[1m]"),
        ([], 'a{b="$nobody"}', 'a{b="$nobody"}'),
    ],
)  # fmt: skip
def test_variables_are_put_in_as_grafana_does(declared: list[dict[str, object]], query: str, asked: str) -> None:
    """A query gets the values of variables as in Grafana while the user has chosen none."""
    assert Variables.read(declared).put_into(query, SPANS["15m"]) == asked


def test_a_sample_keeps_its_place() -> None:
    """A sample keeps its place in the grid from one look to the next; a value that is not a number is None, and one
    outside the grid is left out."""
    grid = Grid.ending(1_003.9, Span(20, 5))
    assert (grid.start_s, grid.end_s, grid.points) == (980, 1000, 5)
    result = [{"metric": {}, "values": [[980, "1"], [990.0, "NaN"], [1000, "2.5"], [2000, "3"]]}]
    assert over(result, grid)[0].values == [1, None, None, None, 2.5]
    assert now([{"metric": {"a": "b"}, "value": [1, "+Inf"]}]) == [Series({"a": "b"}, [None])]
    assert number("-3e2") == -300
    for wrong in ([{"metric": {}}], [{"metric": {}, "values": [[990, "x"]]}], [3]):
        with pytest.raises((LookupError, TypeError, ValueError)):
            over(wrong, grid)  # type: ignore[arg-type]


def test_names_are_those_of_the_legend() -> None:
    """A series has the name that the legend gives, or that of its labels."""
    assert name({"a": "1", "b": "2"}, "{{a}} of {{ b }}{{c}}") == "1 of 2"
    assert name({"__name__": "up", "a": "1"}, "__auto") == "1"
    assert name({"__name__": "up"}, "") == "up"
    assert name({}, "") == "value"


def test_what_happened_when() -> None:
    """An event lasts while its series is 1 or more, to the end of the grid if it still is; with `at_value`, each value
    is the moment of an event."""
    series = [Series({"f": "x"}, [None, 1, 2, 0, 1])]
    assert events(series, _GRID, "Fault {{f}}", at_value=False) == [
        Event("Fault x", 105, 110),
        Event("Fault x", 120, 120),
    ]
    moments = [Series({}, [101_000, 101_000, 5_000, None, 119_500])]
    assert events(moments, _GRID, "r", at_value=True) == [Event("r", 101, 101), Event("r", 119.5, 119.5)]


def test_a_file_that_is_no_dashboard_is_left_out(tmp_path: Path) -> None:
    """A file that is no dashboard is left out, and the others are read."""
    for at, text in enumerate(
        ("", "[]", "{}", '{"uid": "a", "title": "b", "panels": [{}]}', "\xff", json.dumps(BOARD))
    ):
        (tmp_path / f"{at}.json").write_text(text)
    (tmp_path / "7.json").write_bytes(b"\xff\xfe")
    assert list(read_all(tmp_path)) == [UID]
    assert read_all(tmp_path / "nowhere") == {}


def test_a_row_that_is_folded_holds_its_panels() -> None:
    """A folded row holds its own panels, and panels before the first row belong to a row without a title."""
    panel = {"id": 2, "type": "stat", "gridPos": {"x": 0, "y": 0, "w": 4, "h": 4}}
    folded = {"id": 1, "type": "row", "title": "R", "gridPos": {"x": 0, "y": 4}, "panels": [panel | {"id": 3}]}
    rows = read({"uid": "u", "title": "t", "panels": [folded, panel]}).rows
    assert [(row.title, [each.number for each in row.panels]) for row in rows] == [("", [2]), ("R", [3])]


def test_our_own_dashboards_are_drawn() -> None:
    """Every file of our own is read, every kind of panel in it can be drawn, and no variable is without a value."""
    known = read_all(OWN_DASHBOARDS)
    assert len(known) == len(list(OWN_DASHBOARDS.glob("*.json"))) > 0
    for dashboard in known.values():
        for panel in dashboard.panels:
            assert panel.kind in _DRAWN, (dashboard.uid, panel.number)
            for target in panel.targets:
                assert "$" not in dashboard.variables.put_into(target.expr, SPANS["15m"]), target.expr


class _Slow:
    """A Prometheus that answers a few queries of each picture and never the others. `hung`: queries that it never
    answers."""

    def __init__(self, most: int, hung: frozenset[str] = frozenset()) -> None:
        self._most = most
        self._hung = hung
        self._slots = asyncio.Semaphore(AT_ONCE)
        self.room = most
        self.answered: set[str] = set()

    async def at(self, query: str, _: float) -> list[Series]:
        return await self.over(query, _GRID)

    async def over(self, query: str, _: Grid) -> list[Series]:
        async with self._slots:
            if not self.room or query in self._hung:
                await asyncio.Event().wait()
            self.room -= 1
            self.answered.add(query)
            return []

    def again(self) -> None:
        self.room = self._most


async def test_a_slow_prometheus_answers_every_query_in_turn() -> None:
    """While Prometheus has time for only some queries of a picture, the next one begins with those that have gone
    without an answer for longest, so that no panel stays without data."""
    board = read(BOARD)
    slow = _Slow(4)
    pictures = Pictures({UID: board}, cast(Prometheus, slow), 0.01)
    queries = {target.expr for panel in board.panels for target in panel.targets}
    for _ in range(-(-len(queries) // 4) + 1):
        slow.again()
        await pictures.packed(UID, "15m")
        pictures._kept[UID, "15m"].asked_at = float("-inf")
    assert len(slow.answered) == len(queries) + len(board.annotations)


async def test_queries_that_are_never_answered_do_not_keep_out_the_others() -> None:
    """A picture without any answer moves its first queries to the end: of a few that are too slow for Prometheus, as
    many as are sent at once would leave no room for the others, for good."""
    uid, board = next(iter(read_all(OWN_DASHBOARDS).items()))
    expressions = (each.expr for panel in board.panels for each in panel.targets)
    queries = list(dict.fromkeys(board.variables.put_into(each, SPANS["15m"]) for each in expressions))
    hung = frozenset(queries[-AT_ONCE - 1 :])
    slow = _Slow(len(queries) + len(board.annotations), hung)
    pictures = Pictures({uid: board}, cast(Prometheus, slow), 0.05)
    for _ in range(3):
        slow.again()
        slow.answered.clear()
        await pictures.packed(uid, "15m")
        pictures._kept[uid, "15m"].asked_at = float("-inf")
    assert slow.answered >= set(queries) - hung
