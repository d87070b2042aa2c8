"""Availability: the share of requests that were refused or failed, and how fast that burns the budget. Good and
degraded answers count as served; degraded ones have a limit of their own. Requests of clients that hung up do not
count."""

from collections.abc import Iterable

from deploy.rules.profile import BUDGET, DEMO, Burn, Profile, in_words, seconds
from deploy.rules.rule import Alert, Dashboard, Group, Record, Severity
from holdfast.shared.http.open_paths import OPEN_PATHS

_COUNT = "holdfast_http_request_duration_seconds_count"
#: Routes that are not clients' business: health checks by the platform, breakers for operators, and the demo's crash.
_NOT_CLIENTS = "|".join([*sorted(path.replace(".", "[.]") for path in OPEN_PATHS), "/panic", "/circuit-breaker/.+"])
#: Part of a selector: requests of clients.
OF_CLIENTS = f'route!~"{_NOT_CLIENTS}"'
#: Fewer bad answers than this in the long window are an accident, not a rate: one failure of two requests is 50 %.
_BAD_MIN = 10
#: A window with so few answers says nothing about degraded answers either.
_ANSWERS_MIN = 10


def groups(profile: Profile) -> list[Group]:
    """Return the groups, fast ones first. The windows of dashboards are the demo's, in every profile."""
    pages = [burn for burn in profile.burns if burn.severity is Severity.PAGE]
    tickets = [burn for burn in profile.burns if burn.severity is not Severity.PAGE]
    fast = _windows([*pages, *(burn for burn in DEMO.burns if burn.severity is Severity.PAGE)])
    slow = [window for window in [*_windows(tickets), profile.budget_period] if window not in fast]
    return [
        Group(
            "holdfast-availability",
            profile.interval,
            [*_recorded(fast), *_shares(), *(_burning(profile, burn) for burn in pages), _degraded(profile)],
        ),
        Group(
            "holdfast-budget",
            profile.slow_interval,
            [*_recorded(slow), _budget_left(profile), *(_burning(profile, burn) for burn in tickets)],
        ),
    ]


def _windows(burns: Iterable[Burn]) -> list[str]:
    return sorted({window for burn in burns for window in (burn.short, burn.long)}, key=seconds)


def _recorded(windows: Iterable[str]) -> Iterable[Record]:
    """Return ratios of sums, never averages of ratios. An outcome that never happened has no series and counts as 0."""
    for window in windows:
        bad = f'{_COUNT}{{outcome=~"rejected|failed",route!~"{_NOT_CLIENTS}"}}'
        # A request for an unknown path, or without a key, is no sign of health.
        served = f'{_COUNT}{{outcome=~"good|degraded",route!~"{_NOT_CLIENTS}|unmatched"}}'
        yield Record(f"job:holdfast_requests_bad:rate{window}", _sum(f"rate({bad}[{window}])"))
        yield Record(
            f"job:holdfast_requests:rate{window}",
            f"job:holdfast_requests_bad:rate{window}\n+ ({_sum(f'rate({served}[{window}])')})",
        )
        yield Record(
            f"job:holdfast_requests_bad:ratio_rate{window}",
            f"job:holdfast_requests_bad:rate{window} / (job:holdfast_requests:rate{window} > 0)",
        )


def _sum(rate: str) -> str:
    return f"sum by (job) ({rate}) or 0 * group by (job) (holdfast_build_info)"


def _shares() -> Iterable[Record]:
    clients = f'{_COUNT}{{route!~"{_NOT_CLIENTS}"}}'
    yield Record("job_outcome:holdfast_requests:rate1m", f"sum by (job, outcome) (rate({clients}[1m]))")
    yield Record(
        "job:holdfast_requests_degraded:ratio_rate1m",
        'sum by (job) (job_outcome:holdfast_requests:rate1m{outcome="degraded"}) / (job:holdfast_requests:rate1m > 0)\n'
        "or 0 * (job:holdfast_requests:rate1m > 0)",
    )


def _budget_left(profile: Profile) -> Record:
    ratio = f"job:holdfast_requests_bad:ratio_rate{profile.budget_period}"
    return Record("job:holdfast_error_budget_left:ratio", f"1 - {ratio} / {BUDGET}")


def _burning(profile: Profile, burn: Burn) -> Alert:
    limit = f"{burn.factor * BUDGET:g}"
    fast = burn.severity is Severity.PAGE
    gone = f"{seconds(profile.budget_period) / 3600 / burn.factor:.3g} h"
    return Alert(
        name="AvailabilityBurnFast" if fast else "AvailabilityBurnSlow",
        severity=burn.severity,
        expr=f'job:holdfast_requests_bad:ratio_rate{burn.short}{{job="api"}} > {limit}\n'
        f'and job:holdfast_requests_bad:ratio_rate{burn.long}{{job="api"}} > {limit}\n'
        f'and job:holdfast_requests_bad:rate{burn.long}{{job="api"}} * {seconds(burn.long)} >= {_BAD_MIN}',
        labels={"slo": "availability", "window": burn.long},
        # A long window may be about what is over.
        summary=("Clients are refused or failed" if fast else "Some clients were refused or failed")
        + f": {{{{ $value | humanizePercentage }}}} of their requests in the last {in_words(burn.short)}",
        description=f"{{{{ $value | humanizePercentage }}}} of the requests to {{{{ $labels.job }}}} in the last "
        f"{in_words(burn.short)} were refused (429, 503) or failed (another 5xx), and more than "
        f"{burn.factor * BUDGET:.2%} over {in_words(burn.long)}. At {burn.factor:g} times the pace that is allowed, "
        f"the budget of {in_words(profile.budget_period)} ({BUDGET:.1%} of the requests) is gone in {gone}.",
        dashboard=Dashboard.RECOVERY if fast else Dashboard.OVERVIEW,
    )


def _degraded(profile: Profile) -> Alert:
    return Alert(
        name="DegradedHidesOutage",
        severity=Severity.PAGE,
        expr='job:holdfast_requests_degraded:ratio_rate1m{job="api"} > 0.5\n'
        f'and job:holdfast_requests:rate1m{{job="api"}} * 60 >= {_ANSWERS_MIN}',
        lasting=profile.degraded_lasting,
        labels={"slo": "degraded"},
        summary="Clients get copies: {{ $value | humanizePercentage }} of the responses are degraded",
        description="{{ $value | humanizePercentage }} of the requests to {{ $labels.job }} in the last minute were "
        "answered, but not from the primary path. They count as served, so availability looks good while a dependency "
        "is down.",
        dashboard=Dashboard.RECOVERY,
    )
