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
    #: The lowest and highest value at each point, if several runs made it.
    range: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """A range of the x axis in which something was broken."""

    name: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Chart:
    """One panel. `names`: labels of the points 0, 1, 2 ... on the x axis, if they are not numbers."""

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
