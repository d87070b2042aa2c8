"""Metrics: every metric, declared once with its meaning. Label sets that are known in advance begin at zero.

The labels `service` and `instance` come from the scrape.
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from holdfast.shared import errors
from holdfast.shared.runtime.build import build_id
from holdfast.shared.telemetry.metric_kinds import SECONDS, KnownGauge, TalliedHistogram, create
from holdfast.shared.writes.outcome import Reason

disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in the library

_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
_RECOVERIES = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800)

build_info = Gauge("holdfast_build_info", "1, labelled with the build that runs", ["build"])
build_info.labels(build_id()).set(1)

# --- HTTP ---
http_requests = Counter("holdfast_http_requests_total", "Requests answered", ["route", "method", "status"])
http_request_duration = TalliedHistogram(
    "holdfast_http_request_duration_seconds",
    "Time from request to answer, by outcome: good, degraded, rejected, failed or abandoned",
    ["route", "outcome"],
    buckets=SECONDS,
)
http_errors = Counter("holdfast_http_errors_total", "Error answers, by type, code and route", ["type", "code", "route"])
http_requests_in_flight = Gauge("holdfast_http_requests_in_flight", "Requests in flight")
panics = Counter("holdfast_panics_total", "Unhandled exceptions answered with 500")

# --- the process (a pool's metrics are created together with the pool, which knows its name) ---
event_loop_lag = Gauge("holdfast_event_loop_lag_seconds", "How late the event loop is, 90th percentile of a second")
log_lines_dropped = Counter("holdfast_log_lines_dropped_total", "Log lines dropped because stdout did not accept them")
loop_crashes = Counter("holdfast_loop_crashes_total", "Crashes of a supervised background loop", ["loop"])
loop_failures = Counter(
    "holdfast_loop_failures_total",
    "Failed attempts of background loops and retried steps, by kind: a store gave `no_answer`, it `refused`, or it"
    " was the `wrong_node`",
    ["loop", "kind"],
)
pool_in_use = Gauge("holdfast_pool_in_use", "Slots of a bounded pool in use, and work that waits for one", ["pool"])
pool_capacity = Gauge("holdfast_pool_capacity", "Slots of a bounded pool", ["pool"])

# --- the edge's limits ---
requests_shed = Counter("holdfast_requests_shed_total", "Requests shed before any work", ["reason", "lane"])
create(requests_shed, ["in_flight", "event_loop_lag"], ["writes", "reads", "rest"])
inflight_limit = Gauge("holdfast_inflight_limit", "Maximum number of requests in flight", ["lane"])
rate_limited = Counter("holdfast_rate_limited_requests_total", "Requests above their client's limit", ["policy"])
create(rate_limited, ["reads", "writes"])
rate_limiter_degraded = Gauge(
    "holdfast_rate_limiter_degraded", "1 while each process counts for itself because the cache Redis does not answer"
)

# --- accepting ---
writes_accepted = Counter("holdfast_writes_accepted_total", "Acceptances by result, heartbeats included", ["result"])
create(writes_accepted, ["accepted", "repeated", "reused", "busy", "taken", "backlog", "unknown", "refused"])
accept_batch_size = Histogram(
    "holdfast_accept_batch_writes", "Writes that shared one round trip to the queue", buckets=_SIZES
)
accept_duration = Histogram(
    "holdfast_accept_duration_seconds", "Round trip of one acceptance batch, its fsync included", buckets=SECONDS
)
accepts_unreplicated = Counter(
    "holdfast_accepts_unreplicated_total", "Acceptance batches that too few replicas of the queue had in time"
)
backpressure = Gauge("holdfast_backpressure", "1 while no more writes are accepted because of the backlog")

# --- applying ---
outcomes = Counter("holdfast_outcomes_total", "Entries handled, by outcome", ["outcome"])
create(outcomes, ["Applied", "Superseded", "Duplicate", "Rejected", "Retry", "Dead"])
dead_letters = Counter("holdfast_dead_letters_total", "Entries moved to the dead-letter stream", ["reason"])
create(dead_letters, [reason.value for reason in Reason])
apply_batch_size = Histogram("holdfast_apply_batch_writes", "Writes applied in one transaction", buckets=_SIZES)
apply_duration = Histogram("holdfast_apply_duration_seconds", "One transaction, from load to commit", buckets=SECONDS)
commit_delay = TalliedHistogram(
    "holdfast_commit_delay_seconds", "From acceptance to commit, of each write applied", buckets=SECONDS
)
retries = Counter("holdfast_retries_total", "Work that was retried, by dependency and reason", ["dependency", "reason"])
create(retries, ["database"], ["contention", "outage", "unknown", "turn"])
holding = Gauge("holdfast_holding", "1 while work is held because a dependency is down", ["dependency"])
create(holding, ["database"])
pace = Gauge("holdfast_writer_pace_share", "Batch size of this writer, as a share of its usual one")
pace.set(1)
halted = Gauge("holdfast_writer_halted", "1 while the writer refuses to dead-letter any more")
deferred_entries = Gauge("holdfast_deferred_entries", "Entries that this writer holds for a later attempt")
last_progress = KnownGauge(
    "holdfast_last_progress_timestamp_seconds", "When the reading loop was last seen alive, as Unix time"
)

# --- the stream ---
reclaimed = Counter("holdfast_reclaimed_entries_total", "Entries taken over from a writer that stopped answering")
entries_lost = Counter("holdfast_entries_lost_total", "Pending entries that were gone from the stream: data loss")
orphans = Counter(
    "holdfast_orphans_total",
    "Delivered entries that were pending for no consumer, and were delivered again",
    ["stream"],
)
create(orphans, ("writes", "dead_letters"))
groups_recreated = Counter("holdfast_groups_recreated_total", "Consumer groups that had to be created again")
consumer_restarts = Counter("holdfast_consumer_restarts_total", "Restarts of the reading loop")

# --- what the auditor in dlq_admin reads from the stores; exported from its first reading on ---
stream_entries = Gauge("holdfast_stream_entries", "Entries on a stream; handled ones are deleted", ["stream"])
stream_pending = Gauge("holdfast_stream_pending_entries", "Entries delivered but not settled yet", ["stream"])
stream_oldest = Gauge(
    "holdfast_stream_oldest_timestamp_seconds",
    "When a stream's oldest entry was accepted, as Unix time; the time of the reading if there is none",
    ["stream"],
)
partition_entries = Gauge(
    "holdfast_partition_entries", "Entries on the write stream of a partition of the queue", ["partition"]
)
partition_oldest = Gauge(
    "holdfast_partition_oldest_timestamp_seconds",
    "When the oldest entry on a partition's write stream was accepted, as Unix time; the time of the reading if there"
    " is none. It stays as it was while the partition does not answer",
    ["partition"],
)
stream_trimmed_unread = Gauge(
    "holdfast_stream_trimmed_unread_entries", "Entries that were trimmed before they were read: data loss", ["stream"]
)
ledger_writes = Gauge("holdfast_ledger_writes", "Terms of the ledger, counted from the stores", ["term"])
ledger_missing = KnownGauge(
    "holdfast_ledger_missing_writes",
    "Number of writes by which the ledger does not balance, without a sign: `GET /ledger` says whether writes are"
    " missing, or more than were accepted",
)
durability_reduced = Gauge(
    "holdfast_durability_reduced", "1 if the setting may lose acknowledged writes", ["store", "setting"]
)
queue_epochs = Counter(
    "holdfast_queue_epochs_total",
    "Breaks in the queue's memory, by cause: it was `emptied`, it `went_back`, or it `moved` to another server process",
    ["cause"],
)
create(queue_epochs, ["emptied", "went_back", "moved"])
operation_rows = Gauge(
    "holdfast_operation_rows",
    "Rows of ended operations: `kept` in the database, of those `open`, which every reading counts, and `purged` ones",
    ["state"],
)
horizon = KnownGauge(
    "holdfast_horizon_timestamp_seconds", "Operations older than this are not kept, as Unix time; 0: all are kept"
)
tombstones_purged = Counter(
    "holdfast_tombstones_purged_total",
    "Rows of deleted entities that were removed since they are older than the horizon",
)
claims_swept = Counter(
    "holdfast_claims_swept_total",
    "Claims of unique values that no write held any more, where the queue has several partitions",
)
dead_letters_open = KnownGauge("holdfast_dead_letters_open", "Dead letters that wait for an operator")
dead_letters_oldest = KnownGauge(
    "holdfast_dead_letters_oldest_timestamp_seconds",
    "When the oldest open dead letter was dead-lettered, as Unix time; the time of the reading if there is none",
)
replay_letters = Gauge("holdfast_replay_letters", "Dead letters of the replays under way, by state", ["state"])
probe_last_success = Gauge(
    "holdfast_probe_last_success_timestamp_seconds",
    "When a probe last worked, as Unix time; before the first time: the start of the process",
    ["probe"],
)
probe_duration = Gauge("holdfast_probe_duration_seconds", "Duration of a probe's last success", ["probe"])

# --- heartbeats: writes that change nothing and go through every stage ---
heartbeat = Gauge(
    "holdfast_heartbeat_timestamp_seconds",
    "When the newest heartbeat seen at a stage was accepted, as Unix time",
    ["stage"],
)

# --- announced faults; created with each fault ---
fault_active = Gauge("holdfast_fault_active", "1 while this fault is announced", ["fault", "target"])
fault_last_start = Gauge(
    "holdfast_fault_last_start_timestamp_seconds", "When the fault last began, as Unix time", ["fault", "target"]
)
fault_last_end = Gauge(
    "holdfast_fault_last_end_timestamp_seconds", "When the fault last ended, as Unix time", ["fault", "target"]
)
recovery_phase = Gauge(
    "holdfast_recovery_phase_seconds", "The last measured recovery from a fault, by phase", ["fault", "phase"]
)

# --- dead letters ---
letters_indexed = Counter("holdfast_letters_indexed_total", "Dead letters put into the table")
letters_unindexable = Counter(
    "holdfast_letters_unindexable_total", "Failed attempts to index a dead letter, which stays on its stream"
)
index_duration = Histogram(
    "holdfast_index_duration_seconds", "Duration of indexing one batch of dead letters", buckets=SECONDS
)

# --- replays ---
replay_sent = Counter("holdfast_replay_sent_total", "Dead letters sent again")
replay_results = Counter("holdfast_replay_results_total", "Items of replays that are over, recalled ones included")
replays_driven = Gauge("holdfast_replays_driven", "Replays that this process drives now")

# --- Grafana ---
annotations = Counter("holdfast_annotations_total", "Annotations for Grafana, by result", ["result"])
create(annotations, ["sent", "failed", "dropped"])

# --- answers to clients that were not good; created with each kind of answer ---
failures = Counter(
    "holdfast_failures_total",
    "Answers that were not good, by the kind of trouble and its cause",
    ["route", "trouble", "code", "dependency"],
)

# --- traces and explanations ---
spans = Counter("holdfast_spans_total", "Spans of sampled traces: all that ended, and those sent or failed", ["result"])
create(spans, ["ended", "sent", "failed"])
explanations = Counter("holdfast_explanations_total", "Explanations of requests, by result", ["result"])
create(explanations, ["kept", "dropped", "failed"])

# --- the cache ---
cache_requests = Counter("holdfast_cache_requests_total", "Reads of copies, by result", ["result"])
create(cache_requests, ["hit", "in_process", "miss", "error"])
fallback_checked = Counter(
    "holdfast_fallback_checked_total", "Copies compared with the database while it is up", ["match"]
)
create(fallback_checked, ["same", "behind", "missing"])
fallback_served = Counter("holdfast_fallback_served_total", "Answers from a copy, by reason", ["reason"])
_FALLBACK_REASONS = (
    errors.DatabaseUnavailable,
    errors.DatabaseSlow,
    errors.CircuitOpen,
    errors.ProxyUnavailable,
    errors.UpstreamTimeout,
    errors.UpstreamUnreachable,
    errors.UpstreamInvalidAnswer,
    errors.UpstreamFailed,
    errors.UpstreamThrottled,
)
create(fallback_served, [error.code for error in _FALLBACK_REASONS])
fallback_age = Histogram(
    "holdfast_fallback_age_seconds", "Age of the copies that were served", buckets=(1, 5, 15, 60, 300, 900, 3600, 86400)
)

# --- the fleet ---
board_beats = Counter("holdfast_board_beats_total", "Reports of this process's breakers to the board", ["result"])
create(board_beats, ["done", "failed"])

# --- calls to other services (created with each retrying layer, which knows its dependency) ---
attempts = Counter("holdfast_attempts_total", "Attempts of calls; `again` are the retries", ["dependency", "attempt"])
retries_suppressed = Counter(
    "holdfast_retries_suppressed_total", "Retries that might have helped and were not made", ["dependency", "reason"]
)
external_config_version = Gauge("holdfast_external_config_version", "Version of the runtime configuration in force")
external_config_refused = Counter(
    "holdfast_external_config_refused_total", "Invalid runtime configurations found in Redis"
)

# --- breakers (created with each breaker, which knows its name) ---
dependency_call_duration = TalliedHistogram(
    "holdfast_dependency_call_duration_seconds",
    "Calls that a breaker let through, by its name and how they ended",
    ["dependency", "result"],
    buckets=SECONDS,
)
breaker_recovery = Histogram(
    "holdfast_breaker_recovery_seconds",
    "From a breaker's first opening to closed again",
    ["breaker"],
    buckets=_RECOVERIES,
)
breaker_state = Gauge("holdfast_breaker_state", "1 for the state that the breaker is in, else 0", ["breaker", "state"])
breaker_admitted_share = Gauge(
    "holdfast_breaker_admitted_share",
    "Share of its load that a breaker lets through: 0 unless closed",
    ["breaker"],
)
breaker_transitions = Counter(
    "holdfast_breaker_transitions_total", "Changes of state, by the new state", ["breaker", "to"]
)
breaker_refused = Counter(
    "holdfast_breaker_refused_calls_total", "Calls that a breaker did not let through", ["breaker", "reason"]
)
breaker_would_refuse = Counter(
    "holdfast_breaker_would_refuse_calls_total",
    "Calls let through only because the breaker is observing",
    ["breaker", "reason"],
)
breaker_unsuccessful_calls = Counter(
    "holdfast_breaker_unsuccessful_calls_total",
    "Calls that did not succeed, by verdict",
    ["breaker", "verdict"],
)
