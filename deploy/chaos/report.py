"""Report: a run for people in a terminal, and for machines."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from deploy.chaos.experiment import Experiment, Kind, Outcome
from deploy.chaos.measure import PhaseName, Recovery, counts, in_phase, of_kind, percentile
from deploy.chaos.samples import Sample
from deploy.chaos.verdict import EXIT_CODES, Seen, Verdict

_OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
_PHASES: tuple[PhaseName, ...] = get_args(PhaseName)
_COLUMNS = ("phase", "asks", "sent", *_OUTCOMES, "p50", "p99")


@dataclass(frozen=True)
class Run:
    """One experiment, carried out."""

    experiment: Experiment
    seen: Seen
    recovery: Recovery
    verdict: Verdict


def for_people(run: Run) -> str:
    """What clients saw, how it came back, and the verdict."""
    settled, recovery = run.seen.settled, run.recovery
    ends = ", ".join(f"{count} {state}" for state, count in sorted(settled.states.items())) or "none"
    doubt = f"; {settled.resolved} in doubt, resolved by asking again with the key" if settled.resolved else ""
    lines = [
        "",
        "  What clients saw",
        *(f"    {line}" for line in _table(_rows(run.seen))),
        "",
        f"  Acknowledged writes  {ends}; {len(settled.lost)} lost{doubt}",
        f"  Ledger               {'balanced' if settled.balanced else 'OUT OF BALANCE'}",
        f"  Recovery             {' · '.join(_moments(recovery))}",
        "",
        f"  {run.experiment.name}: {run.verdict.word.upper()}",
        *(f"    deviation: {each}" for each in run.verdict.deviations),
        *(f"    {each}" for each in run.verdict.vacuous),
        "",
    ]
    return "\n".join(lines)


def for_machines(run: Run, stack: str) -> dict[str, Any]:
    """The same as a JSON document."""
    moments = run.seen.moments
    return {
        "experiment": run.experiment.name,
        "stack": stack,
        "breaks": run.experiment.breaks,
        "hypothesis": run.experiment.hypothesis,
        "verdict": run.verdict.word,
        "exit_code": EXIT_CODES[run.verdict.word],
        "deviations": run.verdict.deviations,
        "vacuous": run.verdict.vacuous,
        "moments": asdict(moments),
        "recovery": asdict(run.recovery),
        "clients": _rows(run.seen),
        "slip_p99_s": round(run.seen.slip_p99_s, 4),
        "breakers_opened": sorted(f"{service}/{name}" for service, name in run.seen.opened),
        "restarted": sorted(run.seen.restarted),
        "writes": {
            **run.seen.settled.states,
            "lost": run.seen.settled.lost,
            "resolved_after_doubt": run.seen.settled.resolved,
            "still_in_doubt": run.seen.settled.in_doubt,
        },
        "ledger": {"balanced": run.seen.settled.balanced, **run.seen.settled.ledger},
    }


def summary(runs: Sequence[Run]) -> str:
    """A line for each of several."""
    rows: list[tuple[str, ...]] = [
        ("experiment", "verdict", "good", "degraded", "rejected", "failed", "detect", "resume", "drain", "steady")
    ]
    for run in runs:
        during = in_phase(run.seen.samples, run.seen.moments, "fault")
        had = counts(during)
        shares = [
            f"{100 * had.get(outcome, 0) / max(1, len(during)):.1f} %" for outcome in ("good", "degraded", "rejected")
        ]
        bad = had.get("failed", 0) + had.get("unanswered", 0)
        told = run.recovery
        rows.append((
            run.experiment.name, run.verdict.word, *shares, f"{100 * bad / max(1, len(during)):.1f} %",
            *(_s(each) for each in (told.detect_s, told.resume_s, told.drain_s, told.steady_s)),
        ))  # fmt: skip
    return "\n".join(_aligned(rows))


def _rows(seen: Seen) -> list[dict[str, Any]]:
    rows = []
    for phase in _PHASES:
        samples = in_phase(seen.samples, seen.moments, phase)
        rows += [_row(phase, kind, asked) for kind in get_args(Kind) if (asked := of_kind(samples, kind))]
    return rows


def _row(phase: PhaseName, kind: Kind, samples: Sequence[Sample]) -> dict[str, Any]:
    had = counts(samples)
    codes: dict[str, int] = {}
    for sample in samples:
        if sample.code:
            codes[sample.code] = codes.get(sample.code, 0) + 1
    return {
        "phase": phase, "asks": kind, "sent": len(samples), **{outcome: had.get(outcome, 0) for outcome in _OUTCOMES},
        "p50": _ms(percentile((sample.took_s for sample in samples), 0.5)),
        "p99": _ms(percentile((sample.took_s for sample in samples), 0.99)),
        "codes": codes,
    }  # fmt: skip


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    cells = [_COLUMNS, *(tuple(_cell(name, row[name]) for name in _COLUMNS) for row in rows)]
    lines = _aligned(cells)
    return [lines[0], *(_with_codes(line, row) for line, row in zip(lines[1:], rows, strict=True))]


def _with_codes(line: str, row: dict[str, Any]) -> str:
    return line + ("  " + ", ".join(f"{code} ×{count}" for code, count in sorted(row["codes"].items())))[:120].rstrip()


def _cell(name: str, value: Any) -> str:
    if name in _OUTCOMES and value == 0:
        return "-"
    return f"{value:g} ms" if name in ("p50", "p99") else str(value)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _moments(recovery: Recovery) -> list[str]:
    return [f"{phase} {_s(seconds)}" for phase, seconds in recovery.phases_s.items()]


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _ms(seconds: float | None) -> float:
    return 0.0 if seconds is None else round(seconds * 1000, 1 if seconds < 0.1 else 0)
