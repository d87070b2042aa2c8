"""Charts as one PNG. Needs matplotlib, which only the bench environment has."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from deploy.load.chart import Chart, Series


def draw(charts: Sequence[Chart], path: Path) -> None:
    """Write it to `path`, one panel a chart."""
    figure, panels = plt.subplots(
        len(charts), 1, figsize=(10, 2.9 * len(charts)), squeeze=False, layout="constrained"
    )  # fmt: skip
    for panel, chart in zip(panels[:, 0], charts, strict=True):
        _panel(panel, chart)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _logarithmic(panel: Axes) -> None:
    """With numbers that a person reads as they are."""
    panel.set_yscale("log")
    plain = FuncFormatter(lambda value, _: f"{value:g}" if f"{value:e}"[0] in "125" else "")
    panel.yaxis.set_major_formatter(plain)
    panel.yaxis.set_minor_formatter(plain)


def _line(panel: Axes, series: Series, *, dots: bool) -> None:
    xs, ys = [at for at, _ in series.points], [value for _, value in series.points]
    style = {"marker": "o", "markersize": 5 if series.range else 2.5, "linestyle": "none"} if dots else {}
    panel.plot(xs, ys, color=series.colour, label=series.name, linewidth=1.4, **style)
    if series.range and dots:
        panel.vlines(xs, *zip(*series.range, strict=True), color=series.colour, linewidth=2, alpha=0.6)
    elif series.range:
        low, high = zip(*series.range, strict=True)
        panel.fill_between(xs, low, high, color=series.colour, alpha=0.15, linewidth=0)


def _panel(panel: Axes, chart: Chart) -> None:
    for band in chart.bands:
        panel.axvspan(band.begin, band.end, color="#c0392b", alpha=0.12, linewidth=0)
        panel.text(
            band.begin, 1, f" {band.name}", transform=panel.get_xaxis_transform(), va="top", fontsize=7, color="#8c2a1f"
        )
    if chart.style == "stack" and chart.series:
        seconds = [at for at, _ in chart.series[0].points]
        layers = [[value for _, value in series.points] for series in chart.series]
        panel.stackplot(
            seconds, layers, labels=[s.name for s in chart.series], colors=[s.colour for s in chart.series], linewidth=0
        )
    else:
        for series in chart.series:
            _line(panel, series, dots=chart.style == "dots")
    if chart.log:
        _logarithmic(panel)
    else:
        panel.set_ylim(bottom=0)
    if chart.x_max:
        panel.set_xlim(0, chart.x_max)
    if chart.names:
        panel.set_xticks(range(len(chart.names)), chart.names)
    panel.set_title(f"{chart.title} ({chart.unit})", loc="left", fontsize=10)
    panel.set_xlabel(chart.x, fontsize=8)
    panel.grid(axis="y", alpha=0.25)
    panel.spines[["top", "right"]].set_visible(False)
    if len(chart.series) > 1:
        panel.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
