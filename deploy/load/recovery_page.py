"""The page of `make test-recovery-time`: medians and ranges, a chart, and the numbers for machines. Results of other
faults from earlier runs are kept, so that each fault may have a run of its own."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from deploy.charts import svg, table
from deploy.charts.chart import Chart, Series
from deploy.client.plan import Plan
from deploy.load import machine
from deploy.load.faults import FAULTS
from deploy.load.phases import P99_TIMES, STEADY_S, Recovery
from deploy.load.report import show

_PHASES = ("detect", "alert", "contain", "start", "resume", "drain", "steady")
_COLOURS = ("#c8402f", "#e8b04a", "#7b3fa0", "#2f9e6e", "#2a78b5", "#1d3557")
_ASIDE = 0.15
_HEAD = ("fault", "repeats", *_PHASES, "answered during it")


def recovered(one: Recovery) -> bool:
    """Return whether everything was as before in the end."""
    return one.resume is not None and one.drain is not None and one.steady is not None


def line(one: Recovery) -> str:
    """Describe one repeat in a line."""
    return "  ".join(f"{name} {seconds(getattr(one, name))}" for name in _PHASES)


def seconds(value: float | None) -> str:
    """Format seconds, or a dash if there are none."""
    return "–" if value is None else f"{value:.2f} s"


def write(
    path: Path,
    results: Mapping[str, Sequence[Recovery]],
    reasons: Sequence[str],
    plan: Plan,
    fault_s: float,
    rest_s: float,
) -> str:
    """Write the page, its JSON and its chart, and return the table for a terminal."""
    numbers = path.with_suffix(".json")
    kept = _kept(numbers)
    on = machine.describe()
    for name, repeats in results.items():
        kept[name] = {
            "at": time.strftime("%Y-%m-%d %H:%M"),
            "machine": on,
            "fault_s": fault_s,
            "rest_s": rest_s,
            "per_s": plan.per_s,
            "unknown": list(reasons),
            "repeats": [one.as_json() for one in repeats],
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers.write_text(json.dumps(kept, indent=2) + "\n")
    pictures = svg.write([_chart(kept)], path.with_suffix(".svg"))
    rows = list(_rows(kept))
    path.write_text("\n".join(_page(kept, rows, pictures, plan)))
    return table.text(_HEAD, list(_rows({name: kept[name] for name in results})))


def conclude(text: str, results: Mapping[str, Sequence[Recovery]], reasons: Sequence[str]) -> int:
    """Print the result, and return the exit code."""
    whole = all(recovered(one) for repeats in results.values() for one in repeats)
    word = "UNKNOWN" if reasons else "PASSED" if whole else "FAILED"
    lines = [text, "", *(f"UNKNOWN {reason}" for reason in reasons), f"verdict: {word}"]
    show("\n".join(lines), [])
    return {"PASSED": 0, "FAILED": 1, "UNKNOWN": 2}[word]


def _kept(numbers: Path) -> dict[str, Any]:
    try:
        document = json.loads(numbers.read_text())
    except (OSError, ValueError):
        return {}
    return {name: one for name, one in document.items() if name in FAULTS and isinstance(one, dict)}


def _rows(kept: Mapping[str, Any]) -> Iterator[list[str]]:
    for name, one in kept.items():
        repeats = one["repeats"]
        cells = (_cell([repeat.get(phase) for repeat in repeats]) for phase in _PHASES)
        answered = min((repeat["answered"] for repeat in repeats if repeat["answered"] is not None), default=None)
        yield [
            name + (" (unknown)" if one["unknown"] else ""),
            str(len(repeats)),
            *cells,
            table.percent(answered) + " %",
        ]


def _cell(values: Sequence[float | None]) -> str:
    """Format `median [least–most]`, with the number of times that it did not happen."""
    known = [value for value in values if value is not None]
    if not known:
        return "–"
    missing = f" ({len(values) - len(known)} of {len(values)} never)" if len(known) < len(values) else ""
    return f"{median(known):.2f} [{min(known):.2f}–{max(known):.2f}]{missing}"


def _chart(kept: Mapping[str, Any]) -> Chart:
    """Draw the phases from left to right, with the medians and ranges of each fault side by side."""
    series = []
    for number, ((name, one), colour) in enumerate(zip(kept.items(), _COLOURS, strict=False)):
        seen = [
            (at + (number + 0.5 - len(kept) / 2) * _ASIDE, known)
            for at, phase in enumerate(_PHASES)
            if (known := [repeat[phase] for repeat in one["repeats"] if repeat.get(phase) is not None])
        ]
        points = [(at, median(known)) for at, known in seen]
        series.append(Series(name, colour, points, [(min(known), max(known)) for _, known in seen]))
    return Chart("Recovery, phase by phase", "seconds", series, style="dots", x="phase", names=_PHASES)


def _page(
    kept: Mapping[str, Any], rows: Sequence[Sequence[str]], pictures: Sequence[Path], plan: Plan
) -> Iterator[str]:
    yield "# How long it takes to recover"
    yield ""
    yield "Generated by `make test-recovery-time`; not edited by hand. Seconds: median [least–most] over the repeats."
    yield ""
    yield table.markdown(_HEAD, rows)
    yield ""
    for path in pictures:
        yield f"![Each phase of each recovery]({path.name})"
        yield ""
    yield "## What the columns are"
    yield ""
    yield "- detect: from the fault to the first circuit breaker that opened for it"
    yield "- alert: from the fault to the first alert that Prometheus had pending or firing, on its 5 s clock"
    yield "- contain: from the fault to the last response during it that was failed, indeterminate or none; 0: no such"
    yield "- start: from the beginning of the mending until the server answers a client of its own"
    yield "- resume: from then to the first commit by way of the queue; third party: first good response"
    yield "- drain: from then until no followed write was older than a second"
    yield (
        f"- steady: from then to the first {STEADY_S:.0f} s with a p99 within {P99_TIMES} times that of the"
        " worst such seconds before the first fault, and as many good responses"
    )
    yield "- answered: good responses or marked copies, of the requests during the fault; the worst repeat"
    yield ""
    yield "A dash: not seen."
    yield ""
    yield "## How"
    yield ""
    yield f"Open loop; {', '.join(f'{kind.word} {weight:g}' for kind, weight in plan.mix.items())}."
    yield ""
    for name, one in kept.items():
        on = ", ".join(f"{what} {value}" for what, value in one["machine"].items())
        unknown = "".join(f" UNKNOWN: {reason}." for reason in one["unknown"])
        yield (
            f"- {name}: {FAULTS[name].what}, for {one['fault_s']:g} s, {one['rest_s']:g} s after the last recovery,"
            f" at {one['per_s']:g} requests/s; {one['at']}; {on}.{unknown}"
        )
    yield ""
