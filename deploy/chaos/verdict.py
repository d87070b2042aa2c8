"""Verdict: passed, deviated, or unknown because the run has shown nothing. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from deploy.chaos.experiment import (
    ALWAYS,
    BreakerOpened,
    Experiment,
    Moved,
    Restarted,
    Saw,
    Sighting,
    Slower,
    Waited,
)
from deploy.chaos.measure import Moments, in_phase, of, unmet
from deploy.chaos.settle import Settled
from deploy.client.samples import Sample, percentile

Word = Literal["passed", "deviated", "unknown"]
EXIT_CODES: Mapping[Word, int] = {"passed": 0, "deviated": 1, "unknown": 2}

#: A generator that is later than this measured itself.
_SLIP_MAX_S = 0.5
_REQUESTS_MIN = 20


@dataclass(frozen=True)
class Seen:
    """Everything that was observed in one run."""

    samples: Sequence[Sample]
    moments: Moments
    settled: Settled
    #: (service, breaker) of each breaker that was ever open.
    opened: Iterable[tuple[str, str]]
    #: Observations that a process, or a primary, was replaced.
    changed: Iterable[Sighting]
    slip_p99_s: float = 0.0


@dataclass
class Verdict:
    """The result, with the reasons."""

    word: Word
    #: Contradictions of the hypothesis.
    deviations: list[str] = field(default_factory=list)
    #: Reasons why the run has shown nothing.
    vacuous: list[str] = field(default_factory=list)


def judge(experiment: Experiment, seen: Seen) -> Verdict:
    """Return the verdict. A deviation outweighs everything else, unless the system was unhealthy at the start or the
    generator was late."""
    before = in_phase(seen.samples, seen.moments, "before")
    unfit = [f"before: {each}" for each in unmet(experiment.steady, before)]
    if seen.slip_p99_s > _SLIP_MAX_S:
        unfit.append(f"the clients themselves were late: p99 {seen.slip_p99_s:.2f} s")
    if unfit:
        return Verdict("unknown", [], unfit)
    deviations = _deviations(experiment, seen)
    vacuous = [f"never seen: {in_words(each)}" for each in experiment.must_see if not sighted(each, seen)]
    if len(in_phase(seen.samples, seen.moments, "fault")) < _REQUESTS_MIN:
        vacuous.append(f"fewer than {_REQUESTS_MIN} requests during the fault")
    return Verdict("deviated" if deviations else "unknown" if vacuous else "passed", deviations, vacuous)


def _deviations(experiment: Experiment, seen: Seen) -> list[str]:
    during = in_phase(seen.samples, seen.moments, "fault")
    recovering = in_phase(seen.samples, seen.moments, "recovery")
    found = [f"during: {each}" for each in unmet([*ALWAYS, *experiment.during], during)]
    found += [f"recovering: {each}" for each in unmet(ALWAYS, recovering)]
    if seen.moments.steady is None:
        found.append(f"after: not steady again within {experiment.steady_within_s:g} s")
    settled = seen.settled
    if settled.lost:
        found.append(f"{len(settled.lost)} acknowledged writes are not accounted for, such as {settled.lost[0]}")
    if dead := settled.states.get("dead_lettered", 0):
        found.append(f"{dead} valid writes were dead-lettered")
    if settled.in_doubt:
        found.append(f"{settled.in_doubt} writes whose client never learned what happened")
    if not settled.balanced:
        found.append(f"the ledger does not balance: {settled.ledger or 'no reading'}")
    return found


def sighted(sighting: Sighting, seen: Seen) -> bool:
    """Return whether it was observed."""
    during = in_phase(seen.samples, seen.moments, "fault")
    match sighting:
        case BreakerOpened(service, dependency):
            return any(one == service and _is_of(name, dependency) for one, name in seen.opened)
        case Saw(asks, outcome, code):
            return any(sample.outcome is outcome and code in (None, sample.code) for sample in of(during, asks))
        case Waited(seconds):
            return any(end.ended - end.accepted >= seconds for end in seen.settled.ends)
        case Slower(times):
            # Some requests are refused at once even then, so slowness shows in the upper half.
            before, now = (
                percentile((sample.latency_s for sample in some), 0.75)
                for some in (in_phase(seen.samples, seen.moments, "before"), during)
            )
            return before is not None and now is not None and now >= times * before
        case Restarted() | Moved():
            return sighting in seen.changed


def in_words(sighting: Sighting) -> str:
    """Describe an expectation in words."""
    match sighting:
        case BreakerOpened(service, dependency):
            return f"the {service}'s breaker for {dependency} open"
        case Saw(asks, outcome, code):
            return f"{asks} that were {outcome.word}{f' with {code}' if code else ''}"
        case Waited(seconds):
            return f"an accepted write that waited {seconds:g} s or longer"
        case Slower(times):
            return f"responses {times:g} times as slow as before"
        case Restarted(program):
            return f"a {program} that was restarted"
        case Moved(store):
            return f"another primary of the {store}"


def _is_of(name: str, dependency: str) -> bool:
    return name == dependency or name.endswith(f" {dependency}")
