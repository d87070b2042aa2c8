"""Chart: lays out numbers as bars of an SVG in the chart's own units. No inline styles are used, because the content
security policy would refuse them. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 240, 40
_GAP = 2.0
_LEAST = 2.0


class Bar(NamedTuple):
    """A bar in the chart's units."""

    x: float
    y: float
    width: float
    height: float
    value: int


def bars(values: Sequence[int], width: float = WIDTH, height: float = HEIGHT) -> list[Bar]:
    """Return one bar per value. Every value above 0 has a visible bar."""
    step = width / max(1, len(values))
    gap = min(_GAP, step / 3)
    most = max([*values, 1])
    return [
        Bar(round(at * step, 2), round(height - tall, 2), round(step - gap, 2), round(tall, 2), value)
        for at, value in enumerate(values)
        for tall in [max(_LEAST, value / most * height) if value else 1.0]
    ]


class Share(NamedTuple):
    """A part of a whole, from `x` on, in percent."""

    name: str
    x: float
    width: float
    letters: int


def shares(counts: Mapping[str, int], order: Sequence[str]) -> list[Share]:
    """Return the non-empty shares, side by side."""
    whole = sum(counts.values()) or 1
    parts: list[Share] = []
    x = 0.0
    for name in order:
        if count := counts.get(name, 0):
            width = count / whole * 100
            parts.append(Share(name, round(x, 3), round(width, 3), count))
            x += width
    return parts
