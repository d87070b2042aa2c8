"""Report: a run for people at a terminal, and for machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, get_args

from deploy.chaos.experiment import Asks, Experiment
from deploy.chaos.measure import PhaseName, Recovery, counts, in_phase, of
from deploy.chaos.verdict import EXIT_CODES, Seen, Verdict, in_words
from deploy.charts import table
from deploy.client.outcome import BROKEN, Outcome
from deploy.client.samples import Sample, percentile

_PHASES: tuple[PhaseName, ...] = get_args(PhaseName)
_COLUMNS = ("phase", "asks", "sent", *(outcome.word for outcome in Outcome), "p50", "p99")
_CODES_SHOWN_CHARS = 120


@dataclass(frozen=True)
class Run:
    """One experiment with its results."""

    experiment: Experiment
    seen: Seen
    recovery: Recovery
    verdict: Verdict


def for_people(run: Run) -> str:
    """Return what clients saw, the recovery, and the verdict as text."""
    settled, recovery = run.seen.settled, run.recovery
    ends = ", ".join(f"{count} {state}" for state, count in sorted(settled.states.items())) or "none"
    doubt = f"; {settled.resolved} in doubt, resolved by sending them again with their key" if settled.resolved else ""
    lines = [
        "",
        "  What clients saw",
        *(f"    {line}" for line in _table(_rows(run.seen))),
        "",
        f"  Acknowledged writes  {ends}; {len(settled.lost)} lost{doubt}",
        f"  Ledger               {'balanced' if settled.balanced else 'OUT OF BALANCE'}",
        f"  Recovery             {' · '.join(f'{phase} {_s(s)}' for phase, s in recovery.phases_s.items())}",
        "",
        f"  {run.experiment.name}: {run.verdict.word.upper()}",
        *(f"    deviation: {each}" for each in run.verdict.deviations),
        *(f"    {each}" for each in run.verdict.vacuous),
        "",
    ]
    return "\n".join(lines)


def for_machines(run: Run, stack: str) -> dict[str, Any]:
    """Return the report as a JSON document."""
    return {
        "experiment": run.experiment.name,
        "stack": stack,
        "breaks": run.experiment.breaks,
        "hypothesis": run.experiment.hypothesis,
        "verdict": run.verdict.word,
        "exit_code": EXIT_CODES[run.verdict.word],
        "deviations": run.verdict.deviations,
        "vacuous": run.verdict.vacuous,
        "moments": asdict(run.seen.moments),
        "recovery": asdict(run.recovery),
        "clients": _rows(run.seen),
        "slip_p99_s": round(run.seen.slip_p99_s, 4),
        "breakers_opened": sorted(f"{service}/{name}" for service, name in run.seen.opened),
        "changed": sorted(in_words(each) for each in run.seen.changed),
        "writes": {
            **run.seen.settled.states,
            "lost": run.seen.settled.lost,
            "resolved_after_doubt": run.seen.settled.resolved,
            "still_in_doubt": run.seen.settled.in_doubt,
        },
        "ledger": {"balanced": run.seen.settled.balanced, **run.seen.settled.ledger},
    }


def summary(runs: Sequence[Run]) -> str:
    """Return one line for each of several runs."""
    head = ("experiment", "verdict", "good", "degraded", "rejected", "broken", "detect", "resume", "drain", "steady")
    rows = []
    for run in runs:
        during = in_phase(run.seen.samples, run.seen.moments, "fault")
        found = counts(during)
        found_shares = [(Outcome.GOOD,), (Outcome.DEGRADED,), (Outcome.REJECTED,), BROKEN]
        shares = [100 * sum(found.get(one, 0) for one in each) / max(1, len(during)) for each in found_shares]
        recovery = run.recovery
        moments = (recovery.detect_s, recovery.resume_s, recovery.drain_s, recovery.steady_s)
        rows.append([run.experiment.name, run.verdict.word, *(f"{share:.1f} %" for share in shares), *map(_s, moments)])
    return table.text(head, rows)


def _rows(seen: Seen) -> list[dict[str, Any]]:
    rows = []
    for phase in _PHASES:
        samples = in_phase(seen.samples, seen.moments, phase)
        rows += [_row(phase, asks, found) for asks in get_args(Asks) if (found := of(samples, asks))]
    return rows


def _row(phase: PhaseName, asks: Asks, samples: Sequence[Sample]) -> dict[str, Any]:
    found = counts(samples)
    return {
        "phase": phase,
        "asks": asks,
        "sent": len(samples),
        **{outcome.word: found.get(outcome, 0) for outcome in Outcome},
        "p50": _ms(percentile((sample.latency_s for sample in samples), 0.5)),
        "p99": _ms(percentile((sample.latency_s for sample in samples), 0.99)),
        "codes": dict(Counter(sample.code for sample in samples if sample.code)),
    }


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    head, *lines = table.text(_COLUMNS, [[_cell(name, row[name]) for name in _COLUMNS] for row in rows]).splitlines()
    return [head, *(_with_codes(line, row) for line, row in zip(lines, rows, strict=True))]


def _with_codes(line: str, row: dict[str, Any]) -> str:
    codes = ", ".join(f"{code} ×{count}" for code, count in sorted(row["codes"].items()))
    return f"{line}  {codes[:_CODES_SHOWN_CHARS]}".rstrip()


def _cell(name: str, value: Any) -> str:
    if value == 0:
        return "-"
    return f"{value:g} ms" if name in ("p50", "p99") else str(value)


def _s(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.1f} s"


def _ms(seconds: float | None) -> float:
    return 0.0 if seconds is None else round(seconds * 1000, 1 if seconds < 0.1 else 0)
