"""Watching: checks whether a failure would be noticed."""

from collections.abc import Iterable

from deploy.rules.profile import Profile, in_words
from deploy.rules.rule import DURATION, Alert, Dashboard, Group, Record, Severity, named

#: A probe takes at most a tenth of the time, so the next one is at most eleven times later.
_PAUSES = 12
_LATE = "probe:holdfast_probe_late_seconds:max"


def groups(profile: Profile) -> list[Group]:
    """Return the one group."""
    rules = [*_targets(profile), *_probes(profile), _watchdog()]
    return [Group("holdfast-watching", profile.interval, rules)]


def _targets(profile: Profile) -> Iterable[Alert]:
    yield Alert(
        name="TargetDown",
        severity=Severity.PAGE,
        # A process that does not run counts no failed requests.
        expr='max by (job) (up{job="api"}) == 0\nor absent(up{job="api"})',
        lasting=profile.down_lasting,
        summary="Clients get no response at all: no {{ $labels.job }} is up",
        description="No replica of {{ $labels.job }} has answered Prometheus for "
        f"{in_words(profile.down_lasting)} or longer: dead, frozen, or cut off.",
        dashboard=Dashboard.OVERVIEW,
    )
    yield Alert(
        name="TargetDown",
        severity=Severity.WARNING,
        expr="up == 0",
        labels={"seen_by": "prometheus"},
        lasting=profile.down_lasting,
        summary="Fewer replicas serve clients: {{ $labels.job }}/{{ $labels.instance }} is down",
        description="{{ $labels.instance }} of {{ $labels.job }} has not answered Prometheus for "
        f"{in_words(profile.down_lasting)} or longer: dead, frozen, or cut off.",
        dashboard=Dashboard.OVERVIEW,
    )
    yield Alert(
        name="TargetDown",
        severity=Severity.WARNING,
        # An exporter keeps running when the server that it watches is down.
        expr="mysql_up == 0 or redis_up == 0",
        labels={"seen_by": "exporter"},
        lasting=profile.down_lasting,
        summary="Clients are served without {{ $labels.job }}/{{ $labels.instance }}: it is down",
        description="The exporter of {{ $labels.job }} {{ $labels.instance }} runs, and cannot reach what it watches, "
        f"for {in_words(profile.down_lasting)} or longer.",
        dashboard=Dashboard.DEPENDENCIES,
    )


def _probes(profile: Profile) -> Iterable[Record | Alert]:
    # A slow probe is repeated later, which is not a failure.
    yield Record(
        _LATE,
        "time() - max by (probe) (holdfast_probe_last_success_timestamp_seconds)\n"
        f"> {profile.blind_s} + {_PAUSES} * max by (probe) (holdfast_probe_duration_seconds)",
    )
    probes = named(_LATE, "probe")
    yield Alert(
        name="ProbeStale",
        severity=Severity.WARNING,
        # One alert for all probes: a store that is away stops many.
        expr=f"max({_LATE})",
        summary=f"A loss of clients' writes may go unnoticed: for {DURATION} no success of {probes}",
        description=f"Probes of dlq_admin are late, the latest by {DURATION}: {probes}. Expected is a success within "
        f"{profile.blind_s} s and {_PAUSES} times what a reading takes. Ages shown since then are estimates.",
        dashboard=Dashboard.PIPELINE,
    )


def _watchdog() -> Alert:
    return Alert(
        name="Watchdog",
        severity=Severity.NONE,
        expr="vector(1)",
        summary="Clients feel nothing: this alert always fires",
        description="It shows that alerts are evaluated and delivered; the receiver raises the alarm when it stops.",
        dashboard=Dashboard.OVERVIEW,
    )
