"""Lanes: events as bars along one time axis, one lane for each party. Drawn like the charts of `svg.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from deploy.charts.svg import nice

_WIDTH, _LEFT, _RIGHT, _TOP, _LANE, _BOTTOM = 900, 150, 12, 44, 18, 30
_CHARS_MAX = 22


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from `begin` to `end`. `what` is its tooltip."""

    begin: float
    end: float
    what: str
    colour: str


@dataclass(frozen=True, slots=True)
class Lanes:
    """One panel with the bars of each lane, in seconds."""

    title: str
    lanes: Sequence[tuple[str, Sequence[Bar]]]
    legend: Sequence[tuple[str, str]]
    x_max: float


def inline(chart: Lanes) -> str:
    """Return an element of a page that has the style of `svg.style()`."""
    height = _TOP + _LANE * len(chart.lanes) + _BOTTOM
    label = escape(chart.title, quote=True)
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">']
    parts.append(f'<text x="{_LEFT}" y="16" class="title">{escape(chart.title)}</text>')
    left = float(_LEFT)
    for name, colour in chart.legend:
        parts.append(f'<rect x="{left:.0f}" y="25" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{left + 14:.0f}" y="34">{escape(name)}</text>')
        left += 30 + 6.2 * len(name)
    parts += _axis(chart, height)
    for row, (name, bars) in enumerate(chart.lanes):
        top = _TOP + row * _LANE
        short = name if len(name) <= _CHARS_MAX else f"{name[:_CHARS_MAX]}…"
        parts.append(f'<text x="{_LEFT - 6}" y="{top + 13}" class="y">{escape(short)}</text>')
        for bar in bars:
            begin, end = _x(chart, bar.begin), _x(chart, bar.end)
            size = f'width="{max(end - begin, 2):.1f}" height="{_LANE - 4}"'
            title = escape(f"{bar.what}, {bar.begin:.1f} to {bar.end:.1f} s")
            parts.append(
                f'<rect x="{begin:.1f}" y="{top + 2}" {size} fill="{bar.colour}"><title>{title}</title></rect>'
            )
    return "\n".join([*parts, "</svg>"])


def _axis(chart: Lanes, height: int) -> Sequence[str]:
    parts = []
    step = nice(chart.x_max / 10)
    for number in range(int(chart.x_max / step + 1e-9) + 1):
        x = _x(chart, number * step)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{height - _BOTTOM}"/>')
        parts.append(f'<text x="{x:.1f}" y="{height - _BOTTOM + 15}" class="x">{number * step:g}</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{height - 3}" class="y">seconds</text>')
    return parts


def _x(chart: Lanes, at: float) -> float:
    width = _WIDTH - _LEFT - _RIGHT
    return _LEFT + min(max(at, 0.0), chart.x_max) / chart.x_max * width
