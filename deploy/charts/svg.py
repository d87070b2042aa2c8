"""Charts as self-contained SVG: no script, no font, no library.

They are drawn by hand instead of by a plotting library because pages want SVG inline, documents want a small text file
whose changes show in a diff, and the load tests must run in the services' own environment.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path

from deploy.charts.chart import Chart, Series

_WIDTH, _HEIGHT = 900, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 44, 34
_TICKS = 5
_STYLE = """svg{font-family:system-ui,sans-serif}text{font-size:11px;fill:#44525f}.title{font-size:13px;font-weight:600;
fill:#1c2733}.y{text-anchor:end}.x{text-anchor:middle}.grid{stroke:#e3e8ee}.band{fill:#c0392b;opacity:.12}
.band-name{fill:#8c2a1f}polyline{fill:none;stroke-width:1.5}"""

Scale = Callable[[float], float]


def write(charts: Sequence[Chart], path: Path) -> list[Path]:
    """Write the charts below one another into one standalone file. Write nothing if there are none."""
    if not charts:
        return []
    height = _HEIGHT * len(charts)
    drawn = (f'<g transform="translate(0 {_HEIGHT * at})">{_body(chart)}</g>' for at, chart in enumerate(charts))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}">'
    )
    lines = [head, f"<style>{_STYLE}</style>", '<rect width="100%" height="100%" fill="#fff"/>', *drawn, "</svg>\n"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    return [path]


def inline(chart: Chart) -> str:
    """Return one chart as an element of a page that has `style()`."""
    label = escape(chart.title, quote=True)
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">\n{_body(chart)}\n</svg>'


def style() -> str:
    """Return the CSS for the elements of a page with charts, and for nothing else on it."""
    return "".join(f"svg {rule}}}" for rule in _STYLE.partition("}")[2].replace("\n", "").split("}") if rule)


def _body(chart: Chart) -> str:
    x_ticks, x = _x_axis(chart)
    y_ticks, y = _y_axis(chart)
    title = f"{escape(chart.title)} ({escape(chart.unit)})"
    parts = [f'<text x="{_LEFT}" y="16" class="title">{title}</text>', *_legend(chart.series)]
    for value in y_ticks:
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" class="y">{value:,g}</text>')
    for at, name in x_ticks:
        parts.append(f'<text x="{x(at):.1f}" y="{_HEIGHT - _BOTTOM + 16}" class="x">{escape(name)}</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" class="y">{escape(chart.x)}</text>')
    parts += _stack(chart, x, y) if chart.style == "stack" else _marks(chart, x, y)
    for band in chart.bands:
        left, right, name = x(band.begin), x(band.end), escape(band.name)
        size = f'width="{right - left:.1f}" height="{_HEIGHT - _TOP - _BOTTOM}"'
        parts.append(f'<rect class="band" x="{left:.1f}" y="{_TOP}" {size}><title>{name}</title></rect>')
        parts.append(f'<text x="{left + 3:.1f}" y="{_TOP + 11}" class="band-name">{name}</text>')
    return "\n".join(parts)


def _legend(series: Sequence[Series]) -> Iterator[str]:
    left = float(_LEFT)
    for one in series:
        yield f'<rect x="{left:.0f}" y="25" width="10" height="10" fill="{one.colour}"/>'
        yield f'<text x="{left + 14:.0f}" y="34">{escape(one.name)}</text>'
        left += 30 + 6.6 * len(one.name)


def _stack(chart: Chart, x: Scale, y: Scale) -> Iterator[str]:
    below: dict[float, float] = {}
    for series in chart.series:
        lower = [(at, below.get(at, 0.0)) for at, _ in series.points]
        upper = [(at, below.get(at, 0.0) + value) for at, value in series.points]
        below |= dict(upper)
        yield f'<polygon points="{_outline([*upper, *reversed(lower)], x, y)}" fill="{series.colour}"/>'


def _marks(chart: Chart, x: Scale, y: Scale) -> Iterator[str]:
    for series in chart.series:
        colour = series.colour
        spans = [(at, low, high) for (at, _), (low, high) in zip(series.points, series.range, strict=False)]
        if chart.style == "dots":
            for at, low, high in spans:
                ends = f'y1="{y(low):.1f}" y2="{y(high):.1f}"'
                yield f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" {ends} stroke="{colour}" opacity=".6"/>'
            for at, value in series.points:
                yield f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="{3 if spans else 1.8}" fill="{colour}"/>'
            continue
        if spans:
            around = [(at, high) for at, _, high in spans] + [(at, low) for at, low, _ in reversed(spans)]
            yield f'<polygon points="{_outline(around, x, y)}" fill="{colour}" opacity="0.15"/>'
        yield f'<polyline points="{_outline(series.points, x, y)}" stroke="{colour}"/>'


def _outline(points: Sequence[tuple[float, float]], x: Scale, y: Scale) -> str:
    return " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)


def _x_axis(chart: Chart) -> tuple[list[tuple[float, str]], Scale]:
    values = [at for series in chart.series for at, _ in series.points] or [0.0]
    if chart.names:
        first, last = -0.5, len(chart.names) - 0.5
        ticks = [(float(at), name) for at, name in enumerate(chart.names)]
    else:
        first, last = min(0.0, *values), chart.x_max or max(*values, 1e-9)
        step = nice((last - first) / 8)
        count = int((last - first) / step + 1e-9) + 1
        ticks = [(at, f"{at:g}") for at in (first + number * step for number in range(count))]
    width = _WIDTH - _LEFT - _RIGHT
    return ticks, lambda value: _LEFT + (min(value, last) - first) / (last - first) * width


def _y_axis(chart: Chart) -> tuple[list[float], Scale]:
    tops: dict[float, float] = {}
    for series in chart.series:
        for at, value in series.points:
            tops[at] = tops.get(at, 0.0) + value if chart.style == "stack" else max(tops.get(at, 0.0), value)
    ends = [end for series in chart.series for span in series.range for end in span]
    positive = [value for value in [*(v for s in chart.series for _, v in s.points), *ends] if value > 0]
    high = chart.y_max or max([*tops.values(), *ends], default=1.0) or 1.0
    room = _HEIGHT - _TOP - _BOTTOM
    if chart.log and positive:
        low_power, high_power = math.floor(math.log10(min(positive))), math.ceil(math.log10(high) + 1e-9)
        powers = [10.0**power for power in range(low_power, high_power + 1)]
        scale = room / (high_power - low_power or 1)
        return powers, lambda value: _HEIGHT - _BOTTOM - (math.log10(max(value, powers[0])) - low_power) * scale
    step = nice(high / _TICKS)
    top = math.ceil(high / step - 1e-9) * step
    ticks = [number * step for number in range(round(top / step) + 1)]
    return ticks, lambda value: _HEIGHT - _BOTTOM - value / top * room


def nice(step: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20 ... that is not less than the value."""
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step * (1 - 1e-9))
