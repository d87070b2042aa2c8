"""Series: Prometheus's results on an even grid of time, their names, and the events in them. Pure."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from holdfast.services.dlq_admin.live.variables import Span

_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_AUTOMATIC = "__auto"


class Grid(NamedTuple):
    """The times of samples: `points` of them from `start_s` on, `step_s` apart."""

    start_s: int
    step_s: int
    points: int

    @classmethod
    def ending(cls, now_s: float, span: Span) -> "Grid":
        """Return a grid that ends now, on whole steps, so that a sample keeps its place from one query to the next."""
        end_s = int(now_s) // span.step_s * span.step_s
        return cls(end_s - span.range_s, span.step_s, span.range_s // span.step_s + 1)

    @property
    def end_s(self) -> int:
        """The time of the last sample."""
        return self.start_s + self.step_s * (self.points - 1)


class Series(NamedTuple):
    """A series of samples. A value is None if there is no sample, or if the sample is not finite."""

    labels: Mapping[str, str]
    values: Sequence[float | None]


class Event(NamedTuple):
    """An event. Times are Unix seconds."""

    title: str
    from_s: float
    to_s: float


def over(result: Iterable[Mapping[str, Any]], grid: Grid) -> list[Series]:
    """Return the series of a matrix. Raises LookupError, TypeError or ValueError if the result is not a matrix."""
    found = []
    for each in result:
        values: list[float | None] = [None] * grid.points
        for at_s, text in each["values"]:
            place = round((at_s - grid.start_s) / grid.step_s)
            if 0 <= place < grid.points:
                values[place] = number(text)
        found.append(Series(_labels(each["metric"]), values))
    return found


def now(result: Iterable[Mapping[str, Any]]) -> list[Series]:
    """Return the series of a vector. Raises like `over`."""
    return [Series(_labels(each["metric"]), [number(each["value"][1])]) for each in result]


def _labels(metric: Any) -> Mapping[str, str]:
    if not isinstance(metric, dict) or not all(isinstance(value, str) for value in metric.values()):
        raise ValueError("not the labels of a series")
    return metric


def number(text: str) -> float | None:
    """Parse a number in Prometheus's format; None if it is not finite. Raises ValueError."""
    value = float(text)
    return value if math.isfinite(value) else None


def name(labels: Mapping[str, str], legend: str) -> str:
    """Return the series' name according to its legend."""
    if legend and legend != _AUTOMATIC:
        return _LABEL.sub(lambda found: labels.get(found[1], ""), legend)
    return ", ".join(value for label, value in labels.items() if label != "__name__") or labels.get("__name__", "value")


def events(series: Iterable[Series], grid: Grid, title: str, *, at_value: bool) -> list[Event]:
    """Return an event for each time span in which a series is 1 or more. With `at_value`, return an event at each time
    that is a value of the series, in ms."""
    found = []
    for labels, values in series:
        called = name(labels, title)
        if at_value:
            moments = {value / 1000 for value in values if value is not None}
            found += [Event(called, at_s, at_s) for at_s in sorted(moments) if grid.start_s <= at_s <= grid.end_s]
            continue
        since: int | None = None
        for place, value in enumerate([*values, None]):
            is_so = value is not None and value >= 1
            if is_so and since is None:
                since = place
            elif not is_so and since is not None:
                found.append(Event(called, *(float(grid.start_s + grid.step_s * at) for at in (since, place - 1))))
                since = None
    return found
