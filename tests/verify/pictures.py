"""Pictures of a run: the faults, what clients saw, how long it took, and the backlog."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

from deploy.charts import svg
from deploy.charts.chart import Band, Chart, Points, Series
from deploy.charts.lanes import Bar, Lanes
from deploy.charts.lanes import inline as lanes_inline
from tests.promises.history import AtRest, Attempt, Fault, History, Ok, Unknown
from tests.verify.clients import HELD_UP
from tests.verify.run import Run

_COLOURS = {
    "kill": "#c8402f",
    "power loss": "#7a1f16",
    "end by itself": "#e07a5f",
    "freeze": "#2a78b5",
    "cut": "#3d3d3d",
    "half cut": "#6b6b6b",
    "hang": "#7b3fa0",
    "slow": "#e8b04a",
    "lose replies": "#b5651d",
}
_ELSE = "#2f9e6e"
#: More names than this would overlap.
_NAMED_MAX = 8
_ORDER = ("api", "writer", "dlq-admin", "external-proxy", "queue", "cache", "database", "third party")
#: What clients saw, in the order of the stack.
_SEEN = {
    "as usual": "#2f9e6e",
    "from a copy, or past the queue": "#e8b04a",
    "refused, definitely": "#7d8fb3",
    "outcome left open": "#7b3fa0",
    "no answer": "#3d3d3d",
}


def lanes(run: Run) -> Lanes:
    """Return one lane for each process, store and link that was broken."""
    faults = [fault for fault in run.case.history.faults if fault.what != HELD_UP]
    began, last = run.load_s[0], _last(run)
    names = sorted({fault.target for fault in faults}, key=_place)
    rows = [(name, [_bar(fault, began) for fault in faults if fault.target == name]) for name in names]
    legend = [*_COLOURS.items(), ("other", _ELSE)]
    return Lanes("What was broken, and when", rows, legend, last - began)


def charts(run: Run) -> list[Chart]:
    """Return the charts, which share their seconds. The bands are faults of a store."""
    history, began = run.case.history, run.load_s[0]
    last = _last(run) - began
    of_stores = [each for each in history.faults if each.target in ("queue", "database") and each.until_s > began]
    named = len(of_stores) <= _NAMED_MAX
    bands = [
        Band(f"{each.target}: {each.what}" if named else "", max(0, each.at_s - began), each.until_s - began)
        for each in of_stores
    ]
    attempts = [attempt for attempt in history.attempts if attempt.sent.at_s >= began]
    latency = [
        Series("median", "#2a78b5", _each_second(attempts, began, median)),
        Series("slowest", "#9aa5b1", _each_second(attempts, began, max)),
    ]
    backlog = [Series("entries on the write stream", "#1d3557", [(at - began, n) for at, n in run.backlog])]
    return [
        Chart("What clients saw, by the second of sending", "attempts/s", _seen(attempts, began), bands, "stack",
              x_max=last),
        Chart("Time until the end of an attempt", "ms", latency, bands, log=True, x_max=last),
        Chart("Backlog", "entries", backlog, bands, x_max=last),
    ]  # fmt: skip


def standing_alone(run: Run) -> str:
    """Return all charts below one another, as one SVG for a document."""
    y, parts = 0, []
    for element in (lanes_inline(lanes(run)), *map(svg.inline, charts(run))):
        width, height = map(int, re.findall(r'viewBox="0 0 (\d+) (\d+)"', element)[0])
        parts.append(element.replace("<svg ", f'<svg y="{y}" width="{width}" height="{height}" ', 1))
        y += height
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}">'
    style = f"<style>svg{{font-family:system-ui,sans-serif}}{svg.style()}</style>"
    return "\n".join([head, style, '<rect width="100%" height="100%" fill="#fff"/>', *parts, "</svg>\n"])


def seen_as(attempt: Attempt) -> str:
    """Return what the client saw, in a word of the chart."""
    match attempt.end:
        case Ok(degraded=False):
            return "as usual"
        case Ok():
            return "from a copy, or past the queue"
        case Unknown(status=0) | None:
            return "no answer"
        case Unknown():
            return "outcome left open"
        case _:
            return "refused, definitely"


def _seen(attempts: Sequence[Attempt], began: float) -> list[Series]:
    counts: dict[int, Counter[str]] = {}
    for attempt in attempts:
        counts.setdefault(int(attempt.sent.at_s - began), Counter())[seen_as(attempt)] += 1
    seconds = range(max(counts, default=0) + 1)
    return [
        Series(word, colour, [(s + part, counts.get(s, Counter())[word]) for s in seconds for part in (0.0, 1.0)])
        for word, colour in _SEEN.items()
    ]


def _each_second(attempts: Sequence[Attempt], began: float, of: Callable[[list[float]], float]) -> Points:
    took: dict[int, list[float]] = {}
    for attempt in attempts:
        if attempt.end:
            milliseconds = (attempt.end.at_s - attempt.sent.at_s) * 1000
            took.setdefault(int(attempt.sent.at_s - began), []).append(max(milliseconds, 0.1))
    return [(float(second), of(values)) for second, values in sorted(took.items())]


def _bar(fault: Fault, began: float) -> Bar:
    return Bar(fault.at_s - began, fault.until_s - began, fault.what, _COLOURS.get(fault.what, _ELSE))


def _place(name: str) -> tuple[bool, int, str]:
    kind = next((place for place, begin in enumerate(_ORDER) if name.startswith(begin)), len(_ORDER))
    return "→" in name, kind, name


def _last(run: Run) -> float:
    history: History = run.case.history
    rests = [rest.at_s for rest in history.of(AtRest)]
    return max([event.at_s for event in history.events if not isinstance(event, Fault)] + rests)
