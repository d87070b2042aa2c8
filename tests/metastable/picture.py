"""The picture: the share of clients that were answered, second by second, with one panel for each policy."""

from collections.abc import Sequence
from pathlib import Path

from deploy.charts import svg
from deploy.charts.chart import Band, Chart, Series
from tests.metastable.run import HEALTHY_S, STALL_S, Result


def draw(results: Sequence[Result], path: Path) -> None:
    """Write an SVG to `path`."""
    svg.write([_chart(result) for result in results], path)


def _chart(result: Result) -> Chart:
    seconds = range(result.seconds)
    good = [(s, 100 * result.good_share(s)) for s in seconds]
    copies = [(s, 100 * result.refused[s] / result.came[s] if result.came[s] else 0.0) for s in seconds]
    again = result.recovered_s
    recovered = "never recovers" if again is None else f"all answered again {again} s after the stall"
    title = f"{result.policy}: {recovered}, {result.amplification:.2f} sends per request"
    layers = [Series("answered by the server", "#2a78b5", good), Series("a copy at once", "#f0b429", copies)]
    band = Band("the server stalls", HEALTHY_S, HEALTHY_S + STALL_S)
    return Chart(title, "%", layers, [band], "stack", x_max=result.seconds - 1, y_max=100)
