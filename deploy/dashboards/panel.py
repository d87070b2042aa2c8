"""Panels as data: their queries, everything a reader needs to understand the result, and PromQL that many share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from deploy.dashboards.colours import DEGRADED, FAILED, GOOD, NONE

#: (least value, colour) in ascending order; the first one applies below everything.
Limits = tuple[tuple[float | None, str], ...]
#: A value, its word and its colour.
States = Mapping[int, tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One question and its answer. `nothing`: the text when there is no data."""

    title: str
    shows: str
    normal: str
    act: str
    unit: str
    nothing: str
    #: The names of its lines -> PromQL. In a name, `{{label}}` stands for the label's value.
    queries: Mapping[str, str]
    width: int = 8
    height: int = 7
    #: Rules of the lint that this panel may break, each with the reason.
    excused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Panel):
    """Lines over time. `limits` are drawn as dashed lines."""

    stack: Literal["none", "normal", "percent"] = "none"
    limits: Limits = ()
    #: Whether the values are shares of one, so that the axis is from 0 to 1.
    share: bool = False
    log: bool = False
    #: Names of lines with an axis of their own, on the right -> its unit.
    right: Mapping[str, str] = field(default_factory=dict)
    bars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Panel):
    """States over time, one bar per line."""

    states: States


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Panel):
    """The current value, in large digits, coloured by `limits`. `trend`: with a small line behind it. `named`: with the
    name of its line."""

    limits: Limits
    decimals: int | None = None
    trend: bool = True
    named: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Panel):
    """Current values, one bar per line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """Current values, one row per series. `columns`: label -> heading, in order, followed by `value`."""

    columns: Mapping[str, str]
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat(Panel):
    """The buckets of a histogram over time."""


@dataclass(frozen=True, slots=True)
class Text:
    """Text as Markdown."""

    title: str
    shows: str
    markdown: str
    width: int = 8
    height: int = 7


AnyPanel = Panel | Text


@dataclass(frozen=True, slots=True)
class Row:
    """Panels that answer one question together."""

    question: str
    panels: tuple[AnyPanel, ...]


def below(degraded: float, failed: float) -> Limits:
    """Return limits: good below `degraded`, bad from `failed` on."""
    return ((None, GOOD), (degraded, DEGRADED), (failed, FAILED))


def above(failed: float, degraded: float) -> Limits:
    """Return limits: good from `degraded` on, bad below `failed`."""
    return ((None, FAILED), (failed, DEGRADED), (degraded, GOOD))


def line_at(value: float) -> Limits:
    """Return the limits for one dashed line."""
    return ((None, NONE), (value, FAILED))


def zero_is_good() -> Limits:
    """Return limits by which any value above zero is bad."""
    return ((None, GOOD), (0.5, FAILED))


#: At least four scrapes, and as wide as one step of the picture. Grafana fills it in.
WINDOW = "[$__rate_interval]"
REQUESTS = "holdfast_http_request_duration_seconds"


def rate(counter: str, by: str, where: str = "") -> str:
    """Return the rate per second, summed by these labels, or over everything if `by` is empty."""
    return f"{_sum(by)} (rate({counter}{_braces(where)}{WINDOW}))"


def increase(counter: str, by: str, where: str = "", window: str = WINDOW) -> str:
    """Return the number in a window, summed by these labels."""
    return f"{_sum(by)} (increase({counter}{_braces(where)}{window}))"


def quantile(q: float, histogram: str, by: str = "", where: str = "") -> str:
    """Return a quantile of a classic histogram, over all replicas."""
    labels = ", ".join(filter(None, ("le", by)))
    return f"histogram_quantile({q}, sum by ({labels}) (rate({histogram}_bucket{_braces(where)}{WINDOW})))"


def mean(histogram: str) -> str:
    """Return the mean of a histogram's observations in the window."""
    return f"sum (rate({histogram}_sum{WINDOW})) / sum (rate({histogram}_count{WINDOW}))"


def worst(gauge: str, by: str, where: str = "") -> str:
    """Return the largest value over all replicas."""
    return f"max by ({by}) ({gauge}{_braces(where)})" if by else f"max ({gauge}{_braces(where)})"


def seen(expr: str, probe: str) -> str:
    """Return the expression without samples while the auditor's probe that reads it is late: its gauges keep their last
    values."""
    return f'{expr} unless on () probe:holdfast_probe_late_seconds:max{{probe="{probe}"}}'


def age(timestamp: str, by: str) -> str:
    """Return the seconds since a timestamp, taking the latest of all replicas."""
    return f"time() - {worst(timestamp, by)}"


def _sum(by: str) -> str:
    return f"sum by ({by})" if by else "sum"


def _braces(where: str) -> str:
    return "{" + where + "}" if where else ""
