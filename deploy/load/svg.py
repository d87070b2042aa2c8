"""Charts as SVG that stands in a page by itself: no script, no font, nothing from elsewhere."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape

from deploy.load.chart import Chart, Series

_WIDTH, _HEIGHT = 900, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 44, 34
_TICKS = 5

Scale = Callable[[float], float]


def svg(chart: Chart) -> str:
    """One element."""
    x_ticks, x = _x_axis(chart)
    y_ticks, y = _y_axis(chart)
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(chart.title, quote=True)}">',
        f'<text x="{_LEFT}" y="16" class="title">{escape(chart.title)} ({escape(chart.unit)})</text>',
        *_legend(chart.series),
    ]
    for band in chart.bands:
        left, right = x(band.begin), x(band.end)
        size = f'width="{right - left:.1f}" height="{_HEIGHT - _TOP - _BOTTOM}"'
        parts.append(
            f'<rect class="band" x="{left:.1f}" y="{_TOP}" {size}>'
            f"<title>{escape(band.name)}</title></rect>"
            f'<text x="{left + 3:.1f}" y="{_TOP + 11}" class="band-name">{escape(band.name)}</text>'
        )
    parts += [
        f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" class="y">{value:,g}</text>'
        for value in y_ticks
    ]
    parts += [f'<text x="{x(v):.1f}" y="{_HEIGHT - _BOTTOM + 16}" class="x">{v:g}</text>' for v in x_ticks]
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" class="y">{escape(chart.x)}</text>')
    parts += _stack(chart, x, y) if chart.style == "stack" else _marks(chart, x, y)
    return "\n".join([*parts, "</svg>"])


def _legend(series: Sequence[Series]) -> Iterator[str]:
    left = float(_LEFT)
    for one in series:
        yield f'<rect x="{left:.0f}" y="25" width="10" height="10" fill="{one.colour}"/>'
        yield f'<text x="{left + 14:.0f}" y="34" class="legend">{escape(one.name)}</text>'
        left += 30 + 6.6 * len(one.name)


def _stack(chart: Chart, x: Scale, y: Scale) -> Iterator[str]:
    below: dict[float, float] = {}
    for series in chart.series:
        lower = [(at, below.get(at, 0.0)) for at, _ in series.points]
        upper = [(at, below.get(at, 0.0) + value) for at, value in series.points]
        below |= dict(upper)
        outline = " ".join(f"{x(a):.1f},{y(v):.1f}" for a, v in [*upper, *reversed(lower)])
        yield f'<polygon points="{outline}" fill="{series.colour}"/>'


def _marks(chart: Chart, x: Scale, y: Scale) -> Iterator[str]:
    for series in chart.series:
        if series.range:
            low = [(at, lowest) for (at, _), (lowest, _) in zip(series.points, series.range, strict=True)]
            high = [(at, highest) for (at, _), (_, highest) in zip(series.points, series.range, strict=True)]
            outline = " ".join(f"{x(a):.1f},{y(v):.1f}" for a, v in [*high, *reversed(low)])
            yield f'<polygon points="{outline}" fill="{series.colour}" opacity="0.15"/>'
        if chart.style == "dots":
            for at, value in series.points:
                yield f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="1.8" fill="{series.colour}"/>'
        else:
            line = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in series.points)
            yield f'<polyline points="{line}" stroke="{series.colour}"/>'


def _x_axis(chart: Chart) -> tuple[list[float], Scale]:
    values = [at for series in chart.series for at, _ in series.points] or [0.0]
    first, last = min(0.0, *values), chart.x_max or max(*values, 1e-9)
    step = _nice((last - first) / 8)
    ticks = [first + number * step for number in range(int((last - first) / step + 1e-9) + 1)]
    return ticks, lambda value: _LEFT + (min(value, last) - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)


def _y_axis(chart: Chart) -> tuple[list[float], Scale]:
    tops: dict[float, float] = {}
    for series in chart.series:
        for at, value in series.points:
            tops[at] = tops.get(at, 0.0) + value if chart.style == "stack" else max(tops.get(at, 0.0), value)
    values = [value for series in chart.series for _, value in series.points if value > 0]
    high = max([*tops.values(), *(top for series in chart.series for _, top in series.range)], default=1.0) or 1.0
    room = _HEIGHT - _TOP - _BOTTOM
    if chart.log and values:
        low_power, high_power = math.floor(math.log10(min(values))), math.ceil(math.log10(high) + 1e-9)
        powers = [10.0**power for power in range(low_power, high_power + 1)]
        span = high_power - low_power or 1
        return powers, lambda value: (
            _HEIGHT - _BOTTOM - (math.log10(max(value, powers[0])) - low_power) / span * room
        )  # fmt: skip
    step = _nice(high / _TICKS)
    top = math.ceil(high / step) * step
    ticks = [number * step for number in range(round(top / step) + 1)]
    return ticks, lambda value: _HEIGHT - _BOTTOM - value / top * room


def _nice(step: float) -> float:
    """The next of 1, 2, 5, 10, 20 ... that is not smaller."""
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))
