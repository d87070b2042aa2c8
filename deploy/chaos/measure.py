"""Measure: phases, shares and the five moments of a recovery, from what clients saw. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.announce import Phase
from deploy.chaos.experiment import OF_ASKS, STEADY, Asks, Belief, Expect, Within
from deploy.chaos.settle import Ended
from deploy.client.outcome import BROKEN, Outcome
from deploy.client.samples import Sample

PhaseName = Literal["before", "fault", "recovery", "after"]
#: Seconds for which all responses have to be steady.
STEADY_S = 4.0


@dataclass(frozen=True)
class Moments:
    """When each phase began, in Unix seconds."""

    began: float
    broken: float
    #: When the last fault ended.
    mended: float
    #: When clients first had steady responses again; None if never.
    steady: float | None
    ended: float


@dataclass(frozen=True)
class Recovery:
    """Durations in seconds; None where something did not happen or was not seen. `detect` and `contain` count from the
    start of the fault, the others from its end."""

    #: Until a breaker was open, or if none opened, until a client got a response that was not good.
    detect_s: float | None
    #: Until the intended start of the last broken request.
    contain_s: float | None
    #: Until the first write was applied.
    resume_s: float | None
    #: Until every write that was accepted before the end of the fault had a final state.
    drain_s: float | None
    #: Until clients had steady responses.
    steady_s: float | None

    @property
    def phases_s(self) -> dict[Phase, float | None]:
        """The phases by name, in the order of time."""
        names: tuple[Phase, ...] = ("detect", "contain", "resume", "drain", "steady")
        return {name: getattr(self, f"{name}_s") for name in names}


def phase_of(moments: Moments, intended: float) -> PhaseName:
    """Return the phase of a request with this intended start."""
    if intended < moments.broken:
        return "before"
    if intended < moments.mended:
        return "fault"
    return "recovery" if moments.steady is None or intended < moments.steady else "after"


def in_phase(samples: Iterable[Sample], moments: Moments, phase: PhaseName) -> list[Sample]:
    """Return the requests of one phase."""
    return [sample for sample in samples if phase_of(moments, sample.intended) == phase]


def of(samples: Iterable[Sample], asks: Asks | Literal["all"]) -> list[Sample]:
    """Return the requests of one kind."""
    return [sample for sample in samples if asks == "all" or sample.kind in OF_ASKS[asks]]


def counts(samples: Iterable[Sample]) -> dict[Outcome, int]:
    """Count the requests by outcome."""
    return dict(Counter(sample.outcome for sample in samples))


def unmet(beliefs: Iterable[Belief], samples: Sequence[Sample]) -> list[str]:
    """Return the expectations that these requests contradict, in words. Without requests there are none."""
    found = []
    for belief in beliefs:
        asked = of(samples, belief.asks)
        match belief:
            case Expect(asks, outcomes, at_least):
                fine = sum(sample.outcome in outcomes for sample in asked)
                if asked and fine < at_least * len(asked):
                    words = " or ".join(outcome.word for outcome in outcomes)
                    found.append(
                        f"{asks}: {100 * fine / len(asked):.1f} % were {words},"
                        f" not {100 * at_least:g} % ({len(asked) - fine} of {len(asked)} were not)"
                    )
            case Within(asks, seconds):
                slowest = max((sample.latency_s for sample in asked), default=0.0)
                if slowest > seconds:
                    found.append(f"{asks}: one took {slowest:.1f} s, longer than {seconds:g} s")
    return found


def steady_from(
    samples: Iterable[Sample], since: float, until: float, steady: Sequence[Belief] = STEADY
) -> float | None:
    """Return the first moment after `since` that was followed by `STEADY_S` steady seconds, or None."""
    recent = sorted(sample for sample in samples if since <= sample.intended < until)
    starts = [since, *(sample.intended + 1e-6 for sample in recent if unmet(steady, [sample]))]
    for start in starts:
        stretch = [sample for sample in recent if start <= sample.intended < start + STEADY_S]
        if start + STEADY_S <= until and stretch and not unmet(steady, stretch):
            return start
    return None


def recovery(samples: Sequence[Sample], moments: Moments, opened: Iterable[float], ends: Iterable[Ended]) -> Recovery:
    """Return the five durations. `opened`: when a breaker was first seen open."""
    during = in_phase(samples, moments, "fault")
    noticed = [at for at in opened if moments.broken <= at < moments.mended]
    noticed = noticed or [s.intended + s.latency_s for s in during if s.outcome is not Outcome.GOOD]
    broken = [sample.intended for sample in during if sample.outcome in BROKEN]
    ends = list(ends)
    resumed = [end.ended for end in ends if end.ended >= moments.mended]
    waiting = [end.ended for end in ends if end.accepted < moments.mended]
    return Recovery(
        _since(moments.broken, min(noticed, default=None)),
        _since(moments.broken, max(broken, default=moments.broken)),
        _since(moments.mended, min(resumed, default=None)),
        _since(moments.mended, max(waiting, default=None)),
        _since(moments.mended, moments.steady),
    )


def _since(start: float, moment: float | None) -> float | None:
    return None if moment is None else round(max(0.0, moment - start), 2)
