"""The pipeline: is everything that was accepted applied, and soon? Dead letters included.

Probes of the stores export timestamps, so that ages go on growing when a probe fails.
"""

from collections.abc import Iterable

from deploy.rules.profile import Profile, in_words
from deploy.rules.rule import COUNT, DURATION, Alert, Dashboard, Group, Record, Severity, named

AGE = 'stream:holdfast_oldest_age_seconds:max{stream="writes"}'
_ENTRIES = 'holdfast_stream_entries{stream="writes"}'
_LATE = "stage:holdfast_heartbeat_late_seconds:max"
_SETTLED = 'holdfast_outcomes_total{outcome=~"Applied|Superseded|Duplicate|Rejected|Dead"}'


def groups(profile: Profile) -> list[Group]:
    """Return the one group."""
    rules: list[Record | Alert] = [
        *_recorded(profile),
        *_stale(profile),
        *_lost(profile),
        _lost_soon(profile),
        _doubled_soon(profile),
        _full_soon(profile),
        *_stuck(profile),
        *_letters(profile),
    ]
    return [Group("holdfast-pipeline", profile.interval, rules)]


def _recorded(profile: Profile) -> Iterable[Record]:
    yield Record(
        "stream:holdfast_oldest_age_seconds:max", "time() - min by (stream) (holdfast_stream_oldest_timestamp_seconds)"
    )
    yield Record(
        "stage:holdfast_heartbeat_age_seconds:max",
        "time() - max by (stage) (holdfast_heartbeat_timestamp_seconds > 0)",
    )
    # The api adds no heartbeat behind one that is stuck, and then accepting is not what is late.
    yield Record(
        _LATE,
        f"stage:holdfast_heartbeat_age_seconds:max > {profile.heartbeat_s}\n"
        'unless on (stage) (stage:holdfast_heartbeat_age_seconds:max{stage="accepted"}\n'
        '  < on () group_left () stage:holdfast_heartbeat_age_seconds:max{stage="committed"})',
    )
    yield Record(
        "holdfast:dead_letters_oldest_age_seconds:max",
        "time() - min(holdfast_dead_letters_oldest_timestamp_seconds)",
    )
    # 0 when nothing waits; no value while the backlog does not shrink.
    yield Record(
        "holdfast:drain_eta_seconds:estimate",
        # An estimate of more than a day is not reported.
        f"max({_ENTRIES} == 0)\nor max({_ENTRIES}) / -(min(deriv({_ENTRIES}[1m])) < 0) < 86400",
    )


def _stale(profile: Profile) -> Iterable[Alert]:
    yield Alert(
        name="PipelineStale",
        severity=Severity.PAGE,
        expr=f"{AGE} > {profile.stale_s}",
        lasting=profile.stale_lasting,
        labels={"slo": "freshness"},
        summary=f"Clients' writes are accepted and do not take effect: the oldest waits for {DURATION}",
        description=f"The oldest entry on the write stream was accepted {DURATION} ago; at most "
        f"{profile.stale_s} s are expected. When HoldfastProbeStale fires too, this is an "
        "estimate.",
        dashboard=Dashboard.PIPELINE,
    )
    stages = named(_LATE, "stage")
    yield Alert(
        name="HeartbeatStale",
        severity=Severity.WARNING,
        # One alert for all stages: what is late at one stage is late at the next.
        expr=f"max({_LATE})",
        summary=f"Clients' writes wait: for {DURATION} no heartbeat was {stages}",
        description=f"Heartbeats are writes that change nothing. None was {stages} for up to {DURATION}; at most "
        f"{profile.heartbeat_s} s are expected.",
        dashboard=Dashboard.PIPELINE,
    )


def _lost(profile: Profile) -> Iterable[Alert]:
    gone = f"Clients were promised writes that are gone: {COUNT}"
    yield Alert(
        name="MessageLoss",
        severity=Severity.PAGE,
        expr=f"sum by (job) (increase(holdfast_entries_lost_total[{profile.loss_over}])) > 0",
        labels={"slo": "durability", "detector": "reclaim"},
        summary=gone,
        description=f"{COUNT} entries that had been delivered to a writer were no longer on the stream "
        f"when another one reclaimed them, in the last {in_words(profile.loss_over)}.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="MessageLoss",
        severity=Severity.PAGE,
        expr="max by (stream) (holdfast_stream_trimmed_unread_entries) > 0",
        labels={"slo": "durability", "detector": "unread"},
        summary=gone,
        description=f"{COUNT} entries of the stream {{{{ $labels.stream }}}} are gone, and were never read.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="MessageLoss",
        severity=Severity.PAGE,
        expr=f"sum by (job) (increase(holdfast_groups_recreated_total[{profile.loss_over}])) > 0",
        labels={"slo": "durability", "detector": "memory"},
        summary="Clients' writes that were queued may be gone: the queue has lost what it had",
        description=f"{{{{ $labels.job }}}} had to create {COUNT} consumer groups again in the last "
        f"{in_words(profile.loss_over)}: the queue's Redis was emptied or replaced, or somebody destroyed a group.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="MessageLoss",
        severity=Severity.PAGE,
        expr=f'sum by (job) (increase(holdfast_queue_epochs_total{{cause!="moved"}}[{profile.loss_over}])) > 0\n'
        f'or max by (job) (delta(holdfast_ledger_writes{{term="lost"}}[{profile.loss_over}])) > 0',
        labels={"slo": "durability", "detector": "epoch"},
        summary="Clients' writes that were queued may be gone: the queue has lost its memory",
        description="{{ $labels.job }} found that the queue does not hold what was seen of it before, "
        f"{COUNT} times or writes in the last {in_words(profile.loss_over)}: it was emptied, replaced, or went back. "
        "`make ledger` counts the writes that are lost.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="OrphansAdopted",
        severity=Severity.WARNING,
        expr=f"sum by (stream) (increase(holdfast_orphans_total[{profile.loss_over}])) > 0",
        labels={"slo": "durability"},
        summary=f"Late writes: {COUNT} entries of {{{{ $labels.stream }}}} were pending for no consumer",
        description=f"{COUNT} entries on the stream {{{{ $labels.stream }}}} had been delivered and "
        f"were pending for no consumer, in the last {in_words(profile.loss_over)}. They were handed out again: find "
        "out why.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="LedgerImbalance",
        severity=Severity.PAGE,
        expr="max(holdfast_ledger_missing_writes) > 0",
        labels={"slo": "durability"},
        summary=f"Clients' writes and what became of them differ by {COUNT}",
        description="Accepted writes and those applied, rejected, dead-lettered, discarded, in flight or lost differ "
        f"by {COUNT}, repeatedly. The ledger says whether they are missing, or more than were accepted.",
        dashboard=Dashboard.PIPELINE,
    )


def _lost_soon(profile: Profile) -> Alert:
    return Alert(
        name="DurabilityReduced",
        severity=Severity.TICKET,
        expr="max by (store, setting) (holdfast_durability_reduced) > 0",
        lasting=profile.stale_lasting,
        labels={"slo": "durability"},
        summary="Clients' writes would be lost when the {{ $labels.store }} loses its power, or its memory is full",
        description="With its `{{ $labels.setting }}` as it is set now, the {{ $labels.store }} does not keep all that "
        "it acknowledges.",
        dashboard=Dashboard.PIPELINE,
    )


def _doubled_soon(profile: Profile) -> Alert:
    return Alert(
        name="UniquenessLost",
        severity=Severity.PAGE,
        expr="max by (table, columns) (holdfast_uniqueness_lost) > 0",
        lasting=profile.stale_lasting,
        labels={"slo": "durability"},
        summary="Clients' writes are refused or take effect twice: {{ $labels.table }} has lost a key",
        description="Nothing in the database keeps `{{ $labels.columns }}` of `{{ $labels.table }}` unique any more.",
        dashboard=Dashboard.PIPELINE,
    )


def _full_soon(profile: Profile) -> Alert:
    return Alert(
        name="QueueRewriteFailing",
        severity=Severity.TICKET,
        expr="max(holdfast_queue_unrewritten_bytes) > 0",
        lasting=profile.stale_lasting,
        labels={"slo": "durability"},
        summary="Clients' writes can be queued only until the queue's disk is full",
        description="Redis could not rewrite its append-only file. It has {{ $value | humanize1024 }}B, and only grows "
        "until a rewrite succeeds. When the disk is full, Redis ends.",
        dashboard=Dashboard.PIPELINE,
    )


def _stuck(profile: Profile) -> Iterable[Alert]:
    yield Alert(
        name="ConsumerStalled",
        severity=Severity.WARNING,
        # A writer that holds because the database is down waits on purpose.
        expr=f"max by (stream) ({_ENTRIES}) > 0\n"
        f"unless on () (sum(rate({_SETTLED}[1m])) > 0)\n"
        'unless on () (max(holdfast_holding{dependency="database"}) == 1)',
        lasting=profile.stalled_lasting,
        summary=f"Clients' writes wait, and no writer takes any: {COUNT}",
        description=f"{COUNT} entries are on the stream {{{{ $labels.stream }}}}; for a minute none was "
        "settled, and no writer reports that it holds for the database.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="WriterHalted",
        severity=Severity.PAGE,
        expr="max by (job, instance) (holdfast_writer_halted) == 1",
        summary="Clients' writes wait: {{ $labels.instance }} has stopped, because most would be dead-lettered",
        description="Most of what {{ $labels.instance }} handled last would have become dead letters, which points to "
        "a fault of ours. It retries a few, less and less often, and goes on by itself when one can be applied, or "
        "when an operator resumes it.",
        dashboard=Dashboard.PIPELINE,
    )


def _letters(profile: Profile) -> Iterable[Alert]:
    yield Alert(
        name="DeadLettersGrowing",
        severity=Severity.TICKET,
        expr=f"sum by (job, reason) (increase(holdfast_dead_letters_total[{profile.growing_over}])) > 0",
        summary=f"Clients' writes became dead letters: about {COUNT} in the last {in_words(profile.growing_over)}",
        description=f"About {COUNT} entries became dead letters ({{{{ $labels.reason }}}}) in the last "
        f"{in_words(profile.growing_over)}. They are kept whole and can be sent again.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="DeadLettersStale",
        severity=Severity.TICKET,
        expr=f"holdfast:dead_letters_oldest_age_seconds:max > {profile.letters_stale_s}\n"
        "and on () (max(holdfast_dead_letters_open) > 0)",
        labels={"waiting_for": "decision"},
        summary=f"A client has waited {DURATION} for a decision about a write",
        description=f"The oldest open dead letter is {DURATION} old; {profile.letters_stale_s // 3600} h are allowed.",
        dashboard=Dashboard.PIPELINE,
    )
    yield Alert(
        name="DeadLettersStale",
        severity=Severity.TICKET,
        expr=f'stream:holdfast_oldest_age_seconds:max{{stream="dead_letters"}} > {10 * profile.stale_s}',
        labels={"waiting_for": "index"},
        summary="Clients' dead letters are kept but not shown: the newest are missing from the console",
        description=f"An entry has been on the dead-letter stream for {DURATION} without being "
        "indexed; the console shows no dead letter since.",
        dashboard=Dashboard.PIPELINE,
    )
