"""Where the time from a request to its commit goes, as a picture of all writes, sorted from the fastest to the
slowest."""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from deploy.charts import svg
from deploy.charts.chart import Chart, Series

_STEPS = 50


class Stages(NamedTuple):
    """The durations of one write's stages, in seconds."""

    #: From the request to its answer: acceptance with its fsync.
    to_answer: float
    #: From the answer to the insert: the stream, the batch before, and the write's place in its own batch.
    to_insert: float
    #: From the insert to the commit: statements, the commit and its fsync, and the poll that sees it.
    to_commit: float

    @property
    def whole_s(self) -> float:
        """The seconds from the request to the commit as the poller saw it."""
        return sum(self)


_NAMES = ("request to 202", "202 to the writer's insert", "insert to commit, as it is seen")
_COLOURS = ("#9db4c8", "#d99a3d", "#3a6ea5")


def stages(intended: float, answered: float, inserted: float, committed: float) -> Stages:
    """Return the stages between moments on one clock. A writer may insert before the answer has arrived; no stage is
    negative."""
    begun = max(answered, inserted)
    return Stages(max(0.0, answered - intended), begun - answered, max(0.0, committed - begun))


def draw(writes: Sequence[Stages], path: Path) -> list[Path]:
    """Draw the picture and return its path. Without writes, draw nothing."""
    if not writes:
        return []
    ordered = sorted(writes, key=lambda write: write.whole_s)
    count = min(_STEPS, len(ordered))
    parts = [ordered[len(ordered) * at // count : len(ordered) * (at + 1) // count] for at in range(count)]
    series = [
        Series(
            name,
            colour,
            [(100 * at / count, 1000 * fmean(write[stage] for write in part)) for at, part in enumerate(parts)],
        )
        for stage, (name, colour) in enumerate(zip(_NAMES, _COLOURS, strict=True))
    ]
    chart = Chart(
        "From a request to its commit", "ms", series, style="stack", x="% of the writes are faster", x_max=100
    )
    return svg.write([chart], path)
