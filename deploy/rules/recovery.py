"""Recovery: checks whether everything is as before an announced fault, by itself and in time."""

from deploy.rules.pipeline import AGE
from deploy.rules.profile import Profile, seconds
from deploy.rules.rule import DURATION, Alert, Dashboard, Group, Record, Severity

_BAD_MAX = 0.01
_WELL = "holdfast:as_before_timestamp_seconds:last"


def groups(profile: Profile) -> list[Group]:
    """Return the one group, which comes after all others, because it uses what they record."""
    # Present while clients are served as before, at the time of the evaluation. Half open is not as before.
    well = Record(_WELL, f"vector(time())\nunless on () (\n{_troubles(profile)})")
    return [Group("holdfast-recovery", profile.interval, [well, _overdue(profile)])]


def _troubles(profile: Profile) -> str:
    """Return a query with a sample for each trouble."""
    return (
        f"  max({AGE}) > {profile.stale_s}\n"
        "  or max(breaker:holdfast_state:code > 0 and max_over_time(breaker:holdfast_state:code[1m]) == 2)\n"
        f'  or max(job:holdfast_requests_bad:ratio_rate1m{{job="api"}}) > {_BAD_MAX}\n'
    )


def _overdue(profile: Profile) -> Alert:
    ended = "topk(1, max by (fault, target) (holdfast_fault_last_end_timestamp_seconds > 0))"
    # The effect of the fault on writes shows once they have waited for so long.
    seen_s = profile.stale_s + 2 * seconds(profile.interval)
    return Alert(
        name="RecoveryOverdue",
        severity=Severity.PAGE,
        expr=f"(time() - {ended} > {profile.overdue_s} < {profile.overdue_until_s})\n"
        "unless on () (max(holdfast_fault_active) == 1)\n"
        f"unless on () (max(max_over_time({_WELL}[{profile.overdue_until_s}s]))"
        f" - max(holdfast_fault_last_end_timestamp_seconds) > {seen_s})\n"
        f"and on () (\n{_troubles(profile)})",
        labels={"slo": "recovery"},
        summary=f"Clients are not served as before {{{{ $labels.fault }}}}, which ended {DURATION} ago",
        description=f"The fault {{{{ $labels.fault }}}} ({{{{ $labels.target }}}}) ended {DURATION} ago; "
        f"{profile.overdue_s} s are allowed. True ever since: writes wait longer than {profile.stale_s} s, or a "
        f"breaker is open, or more than {_BAD_MAX:.0%} of the requests are refused or failed.",
        dashboard=Dashboard.RECOVERY,
    )
