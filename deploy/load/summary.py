"""Summary: computes the numbers of a run, for people and machines."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from deploy.client.follow import Followed
from deploy.client.generator import Run
from deploy.client.outcome import ANSWERED, Outcome
from deploy.client.plan import Kind
from deploy.client.samples import Percentiles, Sample, percentiles_of

#: A generator whose lateness exceeds this at the 99th percentile has measured itself.
SLIP_MAX_MS = 10.0


def summarize(run: Run) -> dict[str, Any]:
    """Return JSON: `all`, `phases`, `kinds`, `generator`, `errors`. Shares are in percent, latencies in ms from the
    intended start. What was not measured is null."""
    samples = list(run.samples)
    end = max(run.ended, run.began + 0.001)
    kinds = {kind.word: [sample for sample in samples if sample.kind is kind] for kind in Kind}
    return {
        "plan": run.plan.as_json(),
        "began": run.began,
        "interrupted": run.interrupted,
        "all": _part(samples, run.followed, end - run.began),
        "phases": {
            phase.name: {
                "begin_s": phase.begin - run.began,
                "end_s": phase.end - run.began,
                "fault": phase.fault or None,
            }
            | _part(
                [sample for sample in samples if phase.begin <= sample.intended < phase.end],
                [write for write in run.followed if phase.begin <= write.intended < phase.end],
                phase.end - phase.begin,
            )
            for phase in run.phases
        },
        "kinds": {name: _part(of_kind, [], end - run.began) for name, of_kind in kinds.items() if of_kind},
        "generator": {
            "slip_p99_ms": _p99(percentiles_of(run.loop.slips_s)),
            "dropped": len(run.loop.dropped),
            "in_flight_peak": run.loop.in_flight_peak,
            "cores": run.cpu,
        },
        "errors": [
            {"kind": kind.word, "code": code, "count": count} for (kind, code), count in run.samples.codes.most_common()
        ],
    }


def trusted(summary: dict[str, Any]) -> list[str]:
    """Return why this run cannot be trusted, or an empty text."""
    generator = summary["generator"]
    reasons = ["it was interrupted"] if summary["interrupted"] else []
    if not summary["all"]["requests"]:
        reasons.append("nothing was sent")
    elif generator["slip_p99_ms"] > SLIP_MAX_MS:
        reasons.append(
            f"the generator was late by {generator['slip_p99_ms']:.0f} ms (p99; {SLIP_MAX_MS:.0f} ms are allowed):"
            " it measured itself; try a lower RATE, or a machine of its own"
        )
    if generator["dropped"]:
        reasons.append(f"{generator['dropped']} requests were never sent: too many were in flight (IN_FLIGHT=)")
    return reasons


def _part(samples: Sequence[Sample], followed: Sequence[Followed], took_s: float) -> dict[str, Any]:
    counts = Counter(sample.outcome for sample in samples)
    latency = percentiles_of(sample.latency_s for sample in samples)
    applied = [write.took_s for write in followed if write.status == "applied" and write.took_s is not None]
    end_to_end = percentiles_of(applied)
    return {
        "requests": len(samples),
        "per_s": len(samples) / took_s if took_s > 0 else None,
        "outcomes": {outcome.word: counts[outcome] for outcome in Outcome},
        "shares": {outcome.word: _percent(counts[outcome], len(samples)) for outcome in Outcome}
        | {"answered": _percent(sum(counts[outcome] for outcome in ANSWERED), len(samples))},
        "latency_ms": asdict(latency) if latency else None,
        "end_to_end_ms": asdict(end_to_end) if end_to_end else None,
        "followed": {
            "writes": len(followed),
            "applied": len(applied),
            "direct": sum(write.direct for write in followed),
            "not_over": sum(write.ended_at is None for write in followed),
        },
    }


def _percent(count: int, of: int) -> float | None:
    return 100 * count / of if of else None


def _p99(of: Percentiles | None) -> float:
    return of.p99 if of else 0.0
