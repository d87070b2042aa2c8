"""Dependencies: breakers, retries, loops that crash."""

from collections.abc import Iterable

from deploy.rules.profile import Profile
from deploy.rules.rule import Alert, Dashboard, Group, Record, Severity

#: Above the budget of 10 % that every retrying layer has, with room for its constant allowance.
_RETRIES_MAX = 0.2
_CALLS_MIN_PER_S = 1
_CLOSED_AGAIN_MAX = 3
_CRASHES_MAX = 3


def groups(profile: Profile) -> list[Group]:
    """Return the one group."""
    rules: list[Record | Alert] = [*_recorded(), *_breakers(profile), *_retries(profile), *_loops(profile)]
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


def _breakers(profile: Profile) -> Iterable[Alert]:
    yield Alert(
        name="BreakerOpen",
        severity=Severity.WARNING,
        # A breaker that is half open for a probe has not recovered yet.
        expr="breaker:holdfast_state:code > 0\nand max_over_time(breaker:holdfast_state:code[1m]) == 2",
        lasting=profile.open_lasting,
        summary="Clients get fallbacks, or wait: {{ $labels.job }} has stopped calling {{ $labels.breaker }}",
        description="The breaker {{ $labels.breaker }} of {{ $labels.job }} has been open for "
        f"{profile.open_lasting} or longer: its calls failed or were slow, and are now refused without being made.",
        dashboard=Dashboard.DEPENDENCIES,
    )
    yield Alert(
        name="BreakerFlapping",
        severity=Severity.WARNING,
        # A breaker that reopens after a failed probe works as it should. One alert per breaker: the worst of several
        # replicas.
        expr="max by (job, breaker) (\n"
        f'  increase(holdfast_breaker_transitions_total{{to="closed"}}[{profile.flapping_over}])\n'
        f") >= {_CLOSED_AGAIN_MAX}",
        summary="Clients get errors in bursts: {{ $labels.breaker }} comes and goes for {{ $labels.job }}",
        description="The breaker {{ $labels.breaker }} of {{ $labels.job }} has closed {{ $value | humanize }} times "
        f"in {profile.flapping_over}, and opened as often: the dependency works for a probe and fails under load.",
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
    yield Alert(
        name="LoopCrashing",
        severity=Severity.WARNING,
        expr=f"{_failures(profile.crashing_over)} >= {_CRASHES_MAX}\nand {_failures(profile.crashing_still)} > 0",
        summary="Clients may wait: the loop {{ $labels.loop }} of {{ $labels.job }} fails again and again",
        description="The loop {{ $labels.loop }} of {{ $labels.job }} failed {{ $value | humanize }} times in "
        f"{profile.crashing_over}, and not because a store was down: by a bug, or because a store refused. It keeps "
        "trying; the log has the reason.",
        dashboard=Dashboard.DEPENDENCIES,
    )


def _failures(over: str) -> str:
    """Return the failures of the replica that had most."""
    return (
        f"max by (job, loop) (\n  increase(holdfast_loop_crashes_total[{over}])\n"
        f'  or increase(holdfast_loop_failures_total{{kind="refused"}}[{over}])\n)'
    )
