"""Measure: phases, shares, percentiles and the five moments of a recovery, from what clients saw. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

from deploy.announce import Phase
from deploy.chaos.experiment import STEADY, Belief, Expect, Kind, Outcome, Within
from deploy.chaos.samples import Sample
from deploy.chaos.settle import Ended

PhaseName = Literal["before", "fault", "recovery", "after"]
#: A stretch this long, all of it steady, is steady.
STEADY_S = 4.0


@dataclass(frozen=True)
class Moments:
    """When what began, Unix seconds."""

    began: float
    broken: float
    #: The last fault was taken away.
    mended: float
    #: Clients had steady answers again, for the first time; None: they never had.
    steady: float | None
    ended: float


@dataclass(frozen=True)
class Recovery:
    """Seconds; None where it did not come to that, or was not seen. `detect` and `contain` from the breaking, the
    others from the mending."""

    #: Until a breaker was open, or else until a client got other than a good answer.
    detect_s: float | None
    #: Until the last request that failed or hung had left, of those that left before the mending.
    contain_s: float | None
    #: Until the first write was applied.
    resume_s: float | None
    #: Until everything that was accepted before the mending was at its end.
    drain_s: float | None
    #: Until clients had steady answers.
    steady_s: float | None

    @property
    def phases_s(self) -> dict[Phase, float | None]:
        """By name, in the order of time."""
        return {
            "detect": self.detect_s, "contain": self.contain_s, "resume": self.resume_s, "drain": self.drain_s,
            "steady": self.steady_s,
        }  # fmt: skip


def phase_of(moments: Moments, due: float) -> PhaseName:
    """In which one a request was due."""
    if due < moments.broken:
        return "before"
    if due < moments.mended:
        return "fault"
    return "recovery" if moments.steady is None or due < moments.steady else "after"


def in_phase(samples: Iterable[Sample], moments: Moments, phase: PhaseName) -> list[Sample]:
    """Those of one phase."""
    return [sample for sample in samples if phase_of(moments, sample.due) == phase]


def of_kind(samples: Iterable[Sample], kind: Kind | Literal["all"]) -> list[Sample]:
    """Those of one kind."""
    return [sample for sample in samples if kind in ("all", sample.kind)]


def counts(samples: Iterable[Sample]) -> dict[Outcome, int]:
    """How many had which outcome."""
    return dict(Counter(sample.outcome for sample in samples))


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest rank, so a value that occurred; None of nothing."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def unmet(beliefs: Iterable[Belief], samples: Sequence[Sample]) -> list[str]:
    """Which beliefs these contradict, in words. Of nothing, nothing is contradicted."""
    found = []
    for belief in beliefs:
        asked = of_kind(samples, belief.kind)
        match belief:
            case Expect(kind, outcomes, at_least):
                fine = sum(sample.outcome in outcomes for sample in asked)
                if asked and fine < at_least * len(asked):
                    found.append(
                        f"{kind}: {100 * fine / len(asked):.1f} % were {' or '.join(outcomes)},"
                        f" not {100 * at_least:g} % ({len(asked) - fine} of {len(asked)} were not)"
                    )
            case Within(kind, seconds):
                slowest = max((sample.took_s for sample in asked), default=0.0)
                if slowest > seconds:
                    found.append(f"{kind}: one took {slowest:.1f} s, longer than {seconds:g} s")
    return found


def steady_from(
    samples: Iterable[Sample], since: float, until: float, steady: Sequence[Belief] = STEADY
) -> float | None:
    """The first moment after `since` from which on `STEADY_S` seconds were steady; None: not yet."""
    recent = sorted((sample for sample in samples if since <= sample.due < until), key=lambda sample: sample.due)
    starts = [since, *(sample.due + 1e-6 for sample in recent if unmet(steady, [sample]))]
    for start in starts:
        stretch = [sample for sample in recent if start <= sample.due < start + STEADY_S]
        if start + STEADY_S <= until and stretch and not unmet(steady, stretch):
            return start
    return None


def recovery(samples: Sequence[Sample], moments: Moments, opened: Iterable[float], ends: Iterable[Ended]) -> Recovery:
    """The five moments. `opened`: when a breaker was first seen open."""
    during = in_phase(samples, moments, "fault")
    noticed = [at for at in opened if moments.broken <= at < moments.mended]
    noticed = noticed or [sample.due + sample.took_s for sample in during if sample.outcome != "good"]
    hurt = [sample.due for sample in during if sample.outcome in ("failed", "unanswered")]
    ends = list(ends)
    resumed = [end.ended for end in ends if end.ended >= moments.mended]
    waiting = [end.ended for end in ends if end.accepted < moments.mended]
    return Recovery(
        _since(moments.broken, min(noticed, default=None)),
        _since(moments.broken, max(hurt, default=moments.broken)),
        _since(moments.mended, min(resumed, default=None)),
        _since(moments.mended, max(waiting, default=None)),
        _since(moments.mended, moments.steady),
    )


def _since(start: float, moment: float | None) -> float | None:
    return None if moment is None else round(max(0.0, moment - start), 2)
