"""`python -m tests.bench.aims`: one table of all aims of the benchmarks, from the numbers that each benchmark left.

Nothing is measured. A benchmark that has left no numbers is named with the command that runs it.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from deploy.load.virtual_points import CALLS_MAX, VirtualPoint, best_simpler
from tests.bench.process import ROOT
from tests.bench.verdict import met

_RESUME_S, _STEADY_S, _DETECT_S, _OF_BEST = 1.0, 5.0, 3.0, 0.97
#: `..., of healthy: 0.71; aim 0.5: met`
_AIM = re.compile(r"^(?P<uncertain>UNCERTAIN: )?(?P<what>.*\baim\b.*): (?P<verdict>met|NOT MET)$")


class Aim(NamedTuple):
    """One aim: what was measured, and the verdict."""

    what: str
    verdict: str


def of_verdicts(numbers: Any) -> Iterator[Aim]:
    """Yield the comparisons that a benchmark itself has made with an aim."""
    for line in numbers["verdicts"]:
        if found := _AIM.match(line):
            yield Aim(found["what"], found["verdict"] + (", uncertain" if found["uncertain"] else ""))


def of_recovery(numbers: Any) -> Iterator[Aim]:
    """Yield the aims of recovery, from the medians of the repeats."""
    for fault, measured in numbers.items():
        aims = {"resume": _RESUME_S, "steady": _STEADY_S} | ({"detect": _DETECT_S} if "third" in fault else {})
        for phase, aim_s in aims.items():
            seen = [each[phase] for each in measured["repeats"] if each.get(phase) is not None]
            took_s = median(seen) if seen else float("inf")
            yield Aim(f"{fault}, {phase}: {took_s:.2f} s; aim {aim_s:g} s", met(took_s <= aim_s))


def of_error_rates(numbers: Any) -> Iterator[Aim]:
    """Yield the aims of the error rates, from the worst share of errors in each scene."""
    points = [VirtualPoint(**each) for each in numbers["virtual"]]
    for scene in dict.fromkeys(point.scene for point in points):
        shipped = [point for point in points if point.scene == scene and point.policy == "shipped"]
        worst, at = min((_of_best(points, point), point.share) for point in shipped)
        what = f"{scene}: shipped policy, of the best simpler one at {at:.0%} errors: {worst:.2f}; aim {_OF_BEST}"
        yield Aim(what, met(worst >= _OF_BEST))
        calls = max(point.calls for point in shipped)
        yield Aim(f"{scene}: calls per request: {calls:.2f}; aim {CALLS_MAX}", met(calls <= CALLS_MAX + 0.005))


def _of_best(points: list[VirtualPoint], shipped: VirtualPoint) -> float:
    best = best_simpler(points, shipped.scene, shipped.share).good
    return shipped.good / best if best else 1.0


_BENCHES: dict[str, tuple[str, Callable[[Any], Iterator[Aim]]]] = {
    "read": ("make bench-read", of_verdicts),
    "write": ("make bench-write", of_verdicts),
    "memory": ("make bench-memory", of_verdicts),
    "degraded": ("make bench-degraded", of_verdicts),
    "recovery": ("make test-recovery-time", of_recovery),
    "error-rates": ("make benchmark-error-rates", of_error_rates),
}


def table(folder: Path) -> list[str]:
    """Return a table in Markdown, with a line for each aim."""
    lines = ["| bench | measured, and the aim | |", "| :-- | :-- | :-- |"]
    for name, (command, aims) in _BENCHES.items():
        file = folder / f"{name}.json"
        found = list(aims(json.loads(file.read_text()))) if file.exists() else []
        lines += [f"| {name} | {aim.what} | {aim.verdict} |" for aim in found]
        if not found:
            lines.append(f"| {name} | | not measured yet: `{command}` |")
    return lines


def main() -> None:
    """Print the table. The exit code is 0, whatever the verdicts."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.aims", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "benchmarks", help="where the benches write")
    lines = table(parser.parse_args().folder)
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
