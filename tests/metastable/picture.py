"""The picture: what share of the clients was answered, second by second, one panel a policy."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from tests.metastable.run import HEALTHY_S, STALL_S, Result


def draw(results: Sequence[Result], path: Path) -> None:
    """Write a PNG to `path`."""
    figure, panels = plt.subplots(len(results), 1, figsize=(9, 8.5), sharex=True, layout="constrained")
    for panel, result in zip(panels, results, strict=True):
        seconds = range(result.seconds)
        good = [result.good_share(second) for second in seconds]
        at_once = [result.refused[s] / result.came[s] if result.came[s] else 0.0 for s in seconds]
        panel.stackplot(
            seconds, good, at_once, labels=["answered by the server", "a copy at once"],
            colors=["#2a78b5", "#f0b429"], linewidth=0,
        )  # fmt: skip
        panel.axvspan(HEALTHY_S, HEALTHY_S + STALL_S, color="#c0392b", alpha=0.15, linewidth=0)
        again = result.recovered_s
        recovered = "never recovers" if again is None else f"all answered again {again} s after the stall"
        panel.set_title(f"{result.policy}: {recovered}, {result.amplification:.2f} sends per request",
                        loc="left", fontsize=10)  # fmt: skip
        panel.set_ylim(0, 1)
        panel.set_xlim(0, result.seconds - 1)
        panel.set_yticks([0, 0.5, 1], ["0 %", "50 %", "100 %"])
        panel.spines[["top", "right"]].set_visible(False)
    panels[1].legend(loc="center right", fontsize=8, frameon=False)
    panels[-1].set_xlabel("seconds; the server stands still where it is red")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)
