"""The part of the page about virtual time: one picture of the whole curve, and the table that the aim is judged by."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.charts import svg, table
from deploy.charts.chart import Chart, Series
from deploy.load.virtual_points import CALLS_MAX, POLICIES, SCENES, SHIPPED, WHAT, VirtualPoint, best_simpler

_COLOURS = ("#9aa5b1", "#c8402f", "#e8b04a", "#7a4fa3", "#2f9e6e")
_HEAD = ("errors", *POLICIES, f"{SHIPPED} / best within {CALLS_MAX:g} calls", "calls per request")


def section(points: Sequence[VirtualPoint], picture: Path) -> tuple[list[str], list[Path]]:
    """Return the lines of the page, and the files."""
    files = svg.write([_chart(points, scene) for scene in SCENES], picture)
    return list(_lines(points, picture)), files


def _lines(points: Sequence[VirtualPoint], picture: Path) -> Iterator[str]:
    yield "## The whole curve, in virtual time"
    yield ""
    yield (
        "external_proxy's own breaker, retry rules, budget and default configuration, against a model of a third"
        " party (`deploy/load/virtual.py`): half a minute of good times, then five minutes in which a share of the"
        " calls fails. Good answers in percent of the requests of those five minutes, ± 95 % confidence. Policies are"
        f" compared within {CALLS_MAX:g} calls per request: `retry`, beyond the budget, gets more answers from a third"
        " party without limits, for up to twice as many calls."
    )
    yield ""
    yield f"![Good answers by share of errors]({picture.name})"
    yield ""
    for scene in SCENES:
        yield f"### {scene.capitalize()}: {WHAT[scene]}"
        yield ""
        yield table.markdown(_HEAD, list(_rows(points, scene)))
        yield ""


def _rows(points: Sequence[VirtualPoint], scene: str) -> Iterator[list[str]]:
    of_scene = [point for point in points if point.scene == scene]
    for share in sorted({point.share for point in of_scene}):
        by = {point.policy: point for point in of_scene if point.share == share}
        best = best_simpler(of_scene, scene, share)
        ratio = by[SHIPPED].good / best.good if best.good else 1.0
        cells = (f"{100 * by[policy].good:.1f} ± {100 * by[policy].margin:.1f}" for policy in POLICIES)
        yield [f"{share:.0%}", *cells, f"{ratio:.2f} × {best.policy}", f"{by[SHIPPED].calls:.2f}"]


def _chart(points: Sequence[VirtualPoint], scene: str) -> Chart:
    series = []
    for policy, colour in zip(POLICIES, _COLOURS, strict=True):
        line = [each for each in points if (each.scene, each.policy) == (scene, policy)]
        series.append(
            Series(
                policy,
                colour,
                [(100 * each.share, 100 * each.good) for each in line],
                [(100 * max(0.0, each.good - each.margin), 100 * (each.good + each.margin)) for each in line],
            )
        )
    return Chart(f"Good answers: {WHAT[scene]}", "%", series, x="calls that fail, %", x_max=100, y_max=105)
