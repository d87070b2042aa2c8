"""Every metric, declared once with its meaning. Label sets that can be known are born at zero.

The `service` and `instance` labels come from the scrape, never from here.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import product
from typing import Any

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from holdfast.shared.errors import (
    CircuitOpen,
    DatabaseUnavailable,
    ProxyUnavailable,
    UpstreamFailed,
    UpstreamInvalidAnswer,
    UpstreamThrottled,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from holdfast.shared.runtime.build import build_id
from holdfast.shared.writes.outcome import Reason

disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in the library

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
_RECOVERIES = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)


class _Known(Gauge):
    """A gauge of one service: exported from the first time that its value is known. The others would say 0."""

    _known = False

    def set(self, value: float) -> None:
        """As any gauge."""
        super().set(value)
        self._known = True

    def collect(self) -> Iterable[Metric]:
        """Nothing before that."""
        return super().collect() if self._known else ()


class Tally:
    """Durations of one label set in plain numbers: adding one costs a tenth of `observe`. One thread adds at a time."""

    __slots__ = ("_child", "_told", "_told_s", "counts", "total_s")

    def __init__(self, child: Any) -> None:
        self._child = child
        self._told, self._told_s = [0] * (len(_SECONDS) + 1), 0.0
        self.counts, self.total_s = [0] * (len(_SECONDS) + 1), 0.0

    def add(self, seconds: float) -> None:
        """One took so long."""
        self.counts[bisect_left(_SECONDS, seconds)] += 1
        self.total_s += seconds

    def tell(self) -> None:
        """What came since the last time goes into the histogram."""
        for at, (count, told) in enumerate(zip(self.counts, self._told, strict=True)):
            if count > told:
                self._child._buckets[at].inc(count - told)
                self._told[at] = count
        total_s = self.total_s
        self._child._sum.inc(total_s - self._told_s)
        self._told_s = total_s


class _Tallied(Histogram):
    """A histogram for what happens so often that its cost counts."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tallies: dict[tuple[str, ...], Tally] = {}

    def tally(self, *labels: str) -> Tally:
        """Where the durations of a label set go."""
        return self._tallies.setdefault(labels, Tally(self.labels(*labels)))

    def collect(self) -> Iterable[Metric]:
        """With all that was added until now."""
        for tally in self._tallies.values():
            tally.tell()
        return super().collect()


def _born(metric: MetricWrapperBase, *values: Iterable[str]) -> None:
    for combination in product(*values):
        metric.labels(*combination)


build_info = Gauge("holdfast_build_info", "1, labelled with the build that runs", ["build"])
build_info.labels(build_id()).set(1)

# --- HTTP ---
http_requests = Counter("holdfast_http_requests_total", "Requests answered", ["route", "method", "status"])
http_request_duration = Histogram(
    "holdfast_http_request_duration_seconds",
    "Time from request to answer, by what the request was: good, degraded, rejected, failed or abandoned",
    ["route", "outcome"],
    buckets=_SECONDS,
)  # fmt: skip
http_errors = Counter("holdfast_http_errors_total", "Errors answered, by what they were", ["type", "code", "route"])
http_requests_in_flight = Gauge("holdfast_http_requests_in_flight", "Requests under way")
panics = Counter("holdfast_panics_total", "Exceptions nobody had named, turned into an answer")

# --- the process (pools are born with each pool, which knows its name) ---
event_loop_lag = Gauge(
    "holdfast_event_loop_lag_seconds", "How late the event loop is, 90th percentile of the last second"
)
loop_crashes = Counter("holdfast_loop_crashes_total", "Crashes of a supervised background loop", ["loop"])
loop_failures = Counter(
    "holdfast_loop_failures_total",
    "Failed tries of what goes on trying, by loop and kind: a store gave `no_answer`, or it `refused` by an answer",
    ["loop", "kind"],
)  # fmt: skip
pool_in_use = Gauge("holdfast_pool_in_use", "What is taken of a bounded pool, or waits for it", ["pool"])
pool_capacity = Gauge("holdfast_pool_capacity", "What a bounded pool has", ["pool"])

# --- the edge's limits ---
requests_shed = Counter("holdfast_requests_shed_total", "Requests turned away before any work", ["reason", "lane"])
_born(requests_shed, ["in_flight", "event_loop_lag"], ["writes", "reads", "rest"])
inflight_limit = Gauge("holdfast_inflight_limit", "Requests that may be under way at once", ["lane"])
rate_limited = Counter("holdfast_rate_limited_requests_total", "Requests above their client's limit", ["policy"])
_born(rate_limited, ["reads", "writes"])
rate_limiter_degraded = Gauge(
    "holdfast_rate_limiter_degraded", "1 while each process counts for itself because the cache Redis does not answer"
)

# --- accepting ---
writes_accepted = Counter("holdfast_writes_accepted_total", "Acceptances by result, heartbeats included", ["result"])
_born(writes_accepted, ["accepted", "repeated", "reused", "busy", "taken", "backlog", "unknown", "refused"])
accept_batch_size = Histogram(
    "holdfast_accept_batch_writes", "Writes that shared one round trip to the queue", buckets=_SIZES
)
accept_duration = Histogram(
    "holdfast_accept_duration_seconds", "Round trip of one acceptance batch, its fsync included", buckets=_SECONDS
)
backpressure = Gauge("holdfast_backpressure", "1 while no more writes are accepted because of the backlog")

# --- applying ---
outcomes = Counter("holdfast_outcomes_total", "Entries handled, by outcome", ["outcome"])
_born(outcomes, ["Applied", "Superseded", "Duplicate", "Rejected", "Retry", "Dead"])
dead_letters = Counter("holdfast_dead_letters_total", "Entries moved to the dead-letter stream", ["reason"])
_born(dead_letters, [reason.value for reason in Reason])
apply_batch_size = Histogram("holdfast_apply_batch_writes", "Writes applied in one transaction", buckets=_SIZES)
apply_duration = Histogram("holdfast_apply_duration_seconds", "One transaction, from load to commit", buckets=_SECONDS)
commit_delay = Histogram(
    "holdfast_commit_delay_seconds", "From acceptance to commit, of each write applied", buckets=_SECONDS
)
retries = Counter("holdfast_retries_total", "Work done again, by dependency and reason", ["dependency", "reason"])
_born(retries, ["database"], ["contention", "outage", "unknown", "turn"])
holding = Gauge("holdfast_holding", "1 while work is held because a dependency is down", ["dependency"])
_born(holding, ["database"])
pace = Gauge(
    "holdfast_writer_pace_share", "What this writer takes at once, as a share of what it takes when all is well"
)
pace.set(1)
halted = Gauge("holdfast_writer_halted", "1 while the writer refuses to dead-letter any more")
deferred_entries = Gauge("holdfast_deferred_entries", "Entries that this writer holds for a later try")
last_progress = _Known(
    "holdfast_last_progress_timestamp_seconds", "When the reading loop was last seen alive, as Unix time"
)

# --- the stream ---
reclaimed = Counter("holdfast_reclaimed_entries_total", "Entries taken over from a writer that fell silent")
entries_lost = Counter("holdfast_entries_lost_total", "Pending entries that were gone from the stream: data loss")
orphans = Counter(
    "holdfast_orphans_total", "Entries that were delivered and in nobody's pending list, handed out again", ["stream"]
)
_born(orphans, ("writes", "dead_letters"))
groups_recreated = Counter("holdfast_groups_recreated_total", "Consumer groups that had to be made again")
consumer_restarts = Counter("holdfast_consumer_restarts_total", "Times the reading loop was started again")

# --- what the auditor in dlq_admin sees in the stores; born with its first look ---
stream_entries = Gauge("holdfast_stream_entries", "Entries on a stream; what is done is deleted", ["stream"])
stream_pending = Gauge("holdfast_stream_pending_entries", "Of those: delivered and not settled", ["stream"])
stream_oldest = Gauge(
    "holdfast_stream_oldest_timestamp_seconds",
    "When a stream's oldest entry was accepted, as Unix time; the time of the look when there is none", ["stream"],
)  # fmt: skip
stream_trimmed_unread = Gauge(
    "holdfast_stream_trimmed_unread_entries", "Entries that were gone before anybody read them: data loss", ["stream"]
)
ledger_writes = Gauge("holdfast_ledger_writes", "Writes by where they are: the ledger, from the stores", ["term"])
ledger_missing = _Known(
    "holdfast_ledger_missing_writes", "How far the accepted writes differ from all others: 0, or writes are missing"
)
operation_rows = Gauge(
    "holdfast_operation_rows",
    "Rows of ended operations: `kept` in the database, of those `open`, which every reading counts, and `purged` ones",
    ["state"],
)
horizon = _Known(
    "holdfast_horizon_timestamp_seconds", "Operations older than this are not kept, as Unix time; 0: all are kept"
)
dead_letters_open = _Known("holdfast_dead_letters_open", "Dead letters that wait for somebody")
dead_letters_oldest = _Known(
    "holdfast_dead_letters_oldest_timestamp_seconds",
    "When the oldest of those died, as Unix time; the time of the look when there is none",
)
replay_letters = Gauge("holdfast_replay_letters", "Letters of the replays under way, by how far they are", ["state"])
probe_last_success = Gauge(
    "holdfast_probe_last_success_timestamp_seconds",
    "When a look last worked, as Unix time; before the first one: when the process began", ["probe"],
)  # fmt: skip
probe_duration = Gauge("holdfast_probe_duration_seconds", "How long a look's last success took", ["probe"])

# --- heartbeats: writes that change nothing and go all the way ---
heartbeat = Gauge(
    "holdfast_heartbeat_timestamp_seconds", "When the newest heartbeat seen at a stage was accepted, as Unix time",
    ["stage"],
)  # fmt: skip

# --- faults that somebody has announced; born with each ---
fault_active = Gauge("holdfast_fault_active", "1 while somebody makes this fault", ["fault", "target"])
fault_last_start = Gauge(
    "holdfast_fault_last_start_timestamp_seconds", "When it was last begun, as Unix time", ["fault", "target"]
)
fault_last_end = Gauge(
    "holdfast_fault_last_end_timestamp_seconds", "When it last ended, as Unix time", ["fault", "target"]
)
recovery_phase = Gauge(
    "holdfast_recovery_phase_seconds", "The last measured recovery from a fault, by phase", ["fault", "phase"]
)

# --- dead letters ---
letters_indexed = Counter("holdfast_letters_indexed_total", "Dead letters put into the table")
letters_unindexable = Counter(
    "holdfast_letters_unindexable_total", "Tries at a dead letter that the table does not take: it stays on its stream"
)
index_duration = Histogram(
    "holdfast_index_duration_seconds", "A batch of dead letters into the table", buckets=_SECONDS
)

# --- replays ---
replay_sent = Counter("holdfast_replay_sent_total", "Dead letters sent again")
replay_results = Counter("holdfast_replay_results_total", "Items of replays that are over, recalled ones included")
replays_driven = Gauge("holdfast_replays_driven", "Replays that this process drives now")

# --- Grafana ---
annotations = Counter("holdfast_annotations_total", "What Grafana was to be told, by result", ["result"])
_born(annotations, ["told", "failed", "dropped"])

# --- traces and explanations ---
spans = Counter("holdfast_spans_total", "Spans of sampled traces: ended, and of those sent or not taken", ["result"])
_born(spans, ["ended", "sent", "failed"])
explanations = Counter("holdfast_explanations_total", "Explanations of requests, by what became of them", ["result"])
_born(explanations, ["kept", "dropped", "failed"])

# --- the cache ---
cache_requests = Counter("holdfast_cache_requests_total", "Looks for a copy, by result", ["result"])
_born(cache_requests, ["hit", "in_process", "miss", "error"])
fallback_checked = Counter(
    "holdfast_fallback_checked_total", "Copies compared with the database while all is well", ["match"]
)
_born(fallback_checked, ["same", "behind", "missing"])
fallback_served = Counter("holdfast_fallback_served_total", "Answers from a copy, by why", ["reason"])
_FALLBACK_REASONS = (
    DatabaseUnavailable,
    CircuitOpen,
    ProxyUnavailable,
    UpstreamTimeout,
    UpstreamUnreachable,
    UpstreamInvalidAnswer,
    UpstreamFailed,
    UpstreamThrottled,
)
_born(fallback_served, [error.code for error in _FALLBACK_REASONS])
fallback_age = Histogram(
    "holdfast_fallback_age_seconds", "Age of the copies that were served", buckets=(1, 5, 15, 60, 300, 900, 3600, 86400)
)

# --- the fleet ---
board_beats = Counter("holdfast_board_beats_total", "Reports of this process's breakers to the board", ["result"])
_born(board_beats, ["done", "failed"])

# --- calls to other services (attempts are born with each retrying layer, which knows its dependency) ---
attempts = Counter("holdfast_attempts_total", "Attempts of calls; `again` are the retries", ["dependency", "attempt"])
retries_suppressed = Counter(
    "holdfast_retries_suppressed_total", "Attempts that might have helped and were not made", ["dependency", "reason"]
)
external_config_version = Gauge("holdfast_external_config_version", "Version of the runtime configuration in force")
external_config_refused = Counter(
    "holdfast_external_config_refused_total", "Runtime configurations that were found in Redis and made no sense"
)

# --- breakers (born with each breaker, which knows its name) ---
dependency_call_duration = _Tallied(
    "holdfast_dependency_call_duration_seconds", "Calls that a breaker let through, by its name and how they ended",
    ["dependency", "result"], buckets=_SECONDS,
)  # fmt: skip
breaker_recovery = Histogram(
    "holdfast_breaker_recovery_seconds", "From a breaker's first opening to closed again", ["breaker"],
    buckets=_RECOVERIES,
)  # fmt: skip
breaker_state = Gauge("holdfast_breaker_state", "1 for the state that the breaker is in, else 0", ["breaker", "state"])
breaker_transitions = Counter(
    "holdfast_breaker_transitions_total", "Changes of state, by the new one", ["breaker", "to"]
)
breaker_refused = Counter(
    "holdfast_breaker_refused_calls_total", "Calls that a breaker did not let through", ["breaker", "reason"]
)
breaker_would_refuse = Counter(
    "holdfast_breaker_would_refuse_calls_total", "Calls let through only because the breaker observes",
    ["breaker", "reason"],
)  # fmt: skip
breaker_unsuccessful_calls = Counter(
    "holdfast_breaker_unsuccessful_calls_total", "Calls that ended otherwise than well, by verdict",
    ["breaker", "verdict"],
)  # fmt: skip
