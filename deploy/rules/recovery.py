"""Recovery: after an announced fault, is everything as before, by itself and in time?"""

from deploy.rules.pipeline import AGE
from deploy.rules.profile import Profile
from deploy.rules.rule import Alert, Dashboard, Group, Severity

_BAD_MAX = 0.01


def groups(profile: Profile) -> list[Group]:
    """One, after all others: it uses what they record."""
    return [Group("holdfast-recovery", profile.interval, [_overdue(profile)])]


def _overdue(profile: Profile) -> Alert:
    ended = "topk(1, max by (fault, target) (holdfast_fault_last_end_timestamp_seconds > 0))"
    return Alert(
        name="RecoveryOverdue",
        severity=Severity.PAGE,
        expr=f"(time() - {ended} > {profile.overdue_s} < {profile.overdue_until_s})\n"
        "unless on () (max(holdfast_fault_active) == 1)\n"
        "and on () (\n"
        f"  max({AGE}) > {profile.stale_s}\n"
        "  or max(breaker:holdfast_state:code) == 2\n"
        f'  or max(job:holdfast_requests_bad:ratio_rate1m{{job="api"}}) > {_BAD_MAX}\n'
        ")",
        labels={"slo": "recovery"},
        summary="Clients are not served as before {{ $labels.fault }}, which ended {{ $value | humanizeDuration }} ago",
        description="The fault {{ $labels.fault }} ({{ $labels.target }}) ended {{ $value | humanizeDuration }} ago; "
        f"{profile.overdue_s} s are allowed. Still true: writes wait longer than {profile.stale_s} s, or a breaker is "
        f"open, or more than {_BAD_MAX:.0%} of the requests are refused or failed.",
        dashboard=Dashboard.RECOVERY,
    )
