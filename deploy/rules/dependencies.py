"""Dependencies: breakers, retries, loops that crash."""

from collections.abc import Iterable

from deploy.rules.profile import Profile, in_words
from deploy.rules.rule import COUNT, Alert, Dashboard, Group, Record, Severity, named

#: Above the budget of 10 % that every retrying layer has, with room for its constant allowance.
_RETRIES_MAX = 0.2
_CALLS_MIN_PER_S = 1
_CLOSED_AGAIN_MAX = 3
_CRASHES_MAX = 3
_OPEN = "breaker:holdfast_open:code"
_FLAPPING = "breaker:holdfast_flapping:increase"
_FAILING = "loop:holdfast_failing:increase"


def groups(profile: Profile) -> list[Group]:
    """Return the one group."""
    rules: list[Record | Alert] = [
        *_recorded(),
        *_late(profile),
        *_breakers(profile),
        *_retries(profile),
        *_loops(profile),
    ]
    return [Group("holdfast-dependencies", profile.interval, rules)]


def _recorded() -> Iterable[Record]:
    # One number per breaker: the worst of several replicas.
    yield Record(
        "breaker:holdfast_state:code",
        "max by (job, breaker) (\n"
        '  2 * holdfast_breaker_state{state="open"}\n'
        '  or holdfast_breaker_state{state="half_open"}\n'
        '  or 0 * holdfast_breaker_state{state="closed"}\n'
        ")",
    )
    yield Record("dependency:holdfast_attempts:rate1m", "sum by (dependency) (rate(holdfast_attempts_total[1m]))")
    yield Record(
        "dependency:holdfast_retries:ratio_rate1m",
        'sum by (dependency) (rate(holdfast_attempts_total{attempt="again"}[1m]))\n'
        "/ (dependency:holdfast_attempts:rate1m > 0)",
    )


def _late(profile: Profile) -> Iterable[Record]:
    """Yield where a cause shows: the text of its alert names all of these."""
    # A breaker that is half open for a probe has not recovered yet.
    yield Record(_OPEN, "breaker:holdfast_state:code > 0\nand max_over_time(breaker:holdfast_state:code[1m]) == 2")
    # A breaker that reopens after a failed probe works as it should. Of several replicas the worst counts.
    closed = f'increase(holdfast_breaker_transitions_total{{to="closed"}}[{profile.flapping_over}])'
    yield Record(_FLAPPING, f"max by (job, breaker) ({closed}) >= {_CLOSED_AGAIN_MAX}")
    yield Record(
        _FAILING, f"{_failures(profile.crashing_over)} >= {_CRASHES_MAX}\nand {_failures(profile.crashing_still)} > 0"
    )


def _breakers(profile: Profile) -> Iterable[Alert]:
    """Yield one alert for each breaker, whichever services have it: a dependency that is away is one event."""
    jobs = named(_OPEN, "job", of="breaker")
    yield Alert(
        name="BreakerOpen",
        severity=Severity.WARNING,
        expr=f"max by (breaker) ({_OPEN})",
        lasting=profile.open_lasting,
        summary=f"Clients get fallbacks, or wait: {{{{ $labels.breaker }}}} is not called by {jobs}",
        description=f"The breaker {{{{ $labels.breaker }}}} of {jobs} has been open for "
        f"{in_words(profile.open_lasting)} or longer: its calls failed or were slow, and are now refused without being "
        "made.",
        dashboard=Dashboard.DEPENDENCIES,
    )
    jobs, over = named(_FLAPPING, "job", of="breaker"), in_words(profile.flapping_over)
    yield Alert(
        name="BreakerFlapping",
        severity=Severity.WARNING,
        # What happened in the window may be over.
        expr=f"max by (breaker) ({_FLAPPING})",
        summary=f"Clients got errors in bursts: {{{{ $labels.breaker }}}} came and went in the last {over}, for {jobs}",
        description=f"The breaker {{{{ $labels.breaker }}}} of {jobs} closed {COUNT} times in the last {over}, and "
        "opened as often: the dependency worked for a probe and failed under load.",
        dashboard=Dashboard.DEPENDENCIES,
    )


def _retries(profile: Profile) -> Iterable[Alert]:
    yield Alert(
        name="RetryStorm",
        severity=Severity.WARNING,
        expr=f"dependency:holdfast_retries:ratio_rate1m > {_RETRIES_MAX}\n"
        f"and dependency:holdfast_attempts:rate1m >= {_CALLS_MIN_PER_S}",
        lasting=profile.retries_lasting,
        summary="Clients wait for retries: {{ $value | humanizePercentage }} of the calls to {{ $labels.dependency }}",
        description="{{ $value | humanizePercentage }} of the calls to {{ $labels.dependency }} in the last minute "
        f"were repeated; the budget is 10 %, and above {_RETRIES_MAX:.0%} retries keep an outage alive.",
        dashboard=Dashboard.DEPENDENCIES,
    )


def _loops(profile: Profile) -> Iterable[Alert]:
    """Yield one alert for each service: many loops meet a store that refuses."""
    loops = named(_FAILING, "loop", of="job")
    yield Alert(
        name="LoopCrashing",
        severity=Severity.WARNING,
        expr=f"max by (job) ({_FAILING})",
        summary=f"Clients may wait: loops of {{{{ $labels.job }}}} fail again and again: {loops}",
        description=f"Loops of {{{{ $labels.job }}}} ({loops}) failed up to {COUNT} times each in the last "
        f"{in_words(profile.crashing_over)}, and not because a store was down: by a bug, or because a store refused. "
        "They keep trying; the log has the reason.",
        dashboard=Dashboard.DEPENDENCIES,
    )


def _failures(over: str) -> str:
    """Return the failures of the replica that had most."""
    return (
        f"max by (job, loop) (\n  increase(holdfast_loop_crashes_total[{over}])\n"
        f'  or increase(holdfast_loop_failures_total{{kind="refused"}}[{over}])\n)'
    )
