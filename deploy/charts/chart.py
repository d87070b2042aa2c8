"""A chart, as data. `svg.py` draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Series:
    """One line, one layer of a stack, or dots of one colour."""

    name: str
    colour: str
    points: Points
    #: Lowest and highest at each point, when several runs made it.
    range: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of the x axis in which something was broken."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel. `names`: of the points 0, 1, 2 ... on the x axis, where they are not numbers."""

    title: str
    unit: str
    series: Sequence[Series]
    bands: Sequence[Band] = ()
    style: Literal["lines", "stack", "dots"] = "lines"
    log: bool = False
    x: str = "seconds"
    x_max: float | None = None
    y_max: float | None = None
    names: Sequence[str] = ()
