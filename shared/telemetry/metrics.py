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

build_info = Gauge("holdfast_build_info", "Always 1, with the build that runs as its label", ["build"])
build_info.labels(build_id()).set(1)

# --- HTTP ---
http_requests = Counter("holdfast_http_requests_total", "Requests answered", ["route", "method", "status"])
http_request_duration = TalliedHistogram(
    "holdfast_http_request_duration_seconds",
    "Time to answer a request, by the request's outcome: good, degraded, rejected, failed or abandoned",
    ["route", "outcome"],
    buckets=SECONDS,
)
http_errors = Counter(
    "holdfast_http_errors_total", "Error responses, by type, code and route", ["type", "code", "route"]
)
http_requests_in_flight = Gauge("holdfast_http_requests_in_flight", "Requests in flight")
panics = Counter("holdfast_panics_total", "Unhandled exceptions answered with 500")

# --- the process (a pool's metrics are created together with the pool, which knows its name) ---
event_loop_lag = Gauge("holdfast_event_loop_lag_seconds", "Delay of the event loop: 90th percentile over one second")
log_lines_dropped = Counter("holdfast_log_lines_dropped_total", "Log lines dropped because stdout did not accept them")
loop_crashes = Counter("holdfast_loop_crashes_total", "Crashes of a supervised background loop", ["loop"])
loop_failures = Counter(
    "holdfast_loop_failures_total",
    "Failed attempts of background loops and of retried steps, by kind: a store gave `no_answer`,"
    " `refused`, or was the `wrong_node`",
    ["loop", "kind"],
)
pool_in_use = Gauge(
    "holdfast_pool_in_use", "Slots in use of a bounded pool, plus the work that waits for a slot", ["pool"]
)
pool_capacity = Gauge("holdfast_pool_capacity", "Slots of a bounded pool", ["pool"])

# --- the edge's limits ---
requests_shed = Counter(
    "holdfast_requests_shed_total",
    "Requests refused before any work was done for them, to shed load",
    ["reason", "lane"],
)
create(requests_shed, ["in_flight", "event_loop_lag"], ["writes", "reads", "rest"])
inflight_limit = Gauge("holdfast_inflight_limit", "Current limit of requests in flight", ["lane"])
rate_limited = Counter(
    "holdfast_rate_limited_requests_total", "Requests refused because their client exceeded its rate limit", ["policy"]
)
create(rate_limited, ["reads", "writes"])
rate_limiter_degraded = Gauge(
    "holdfast_rate_limiter_degraded",
    "1 while each process counts requests by itself because the cache Redis does not answer",
)

# --- accepting ---
writes_accepted = Counter(
    "holdfast_writes_accepted_total", "Attempts to accept a write, by result; heartbeats are included", ["result"]
)
create(writes_accepted, ["accepted", "repeated", "reused", "busy", "taken", "backlog", "unknown", "refused"])
accept_batch_size = Histogram("holdfast_accept_batch_writes", "Writes per round trip to the queue", buckets=_SIZES)
accept_duration = Histogram(
    "holdfast_accept_duration_seconds",
    "Duration of one acceptance batch's round trip to the queue, including its fsync",
    buckets=SECONDS,
)
accepts_unreplicated = Counter(
    "holdfast_accepts_unreplicated_total", "Acceptance batches that too few replicas of the queue received in time"
)
backpressure = Gauge("holdfast_backpressure", "1 while no more writes are accepted because of the backlog")

# --- applying ---
outcomes = Counter("holdfast_outcomes_total", "Entries that a writer handled, by outcome", ["outcome"])
create(outcomes, ["Applied", "Superseded", "Duplicate", "Rejected", "Retry", "Dead"])
dead_letters = Counter("holdfast_dead_letters_total", "Entries moved to the dead-letter stream, by reason", ["reason"])
create(dead_letters, [reason.value for reason in Reason])
apply_batch_size = Histogram("holdfast_apply_batch_writes", "Writes applied per transaction", buckets=_SIZES)
apply_duration = Histogram(
    "holdfast_apply_duration_seconds", "Duration of one transaction, from load to commit", buckets=SECONDS
)
commit_delay = TalliedHistogram(
    "holdfast_commit_delay_seconds", "Time from a write's acceptance to its commit", buckets=SECONDS
)
retries = Counter("holdfast_retries_total", "Retried work, by dependency and reason", ["dependency", "reason"])
create(retries, ["database"], ["contention", "outage", "unknown", "turn"])
holding = Gauge("holdfast_holding", "1 while work is held because a dependency is down", ["dependency"])
create(holding, ["database"])
pace = Gauge("holdfast_writer_pace_share", "This writer's current batch size, as a share of its full batch size")
pace.set(1)
halted = Gauge("holdfast_writer_halted", "1 while the writer is halted and dead-letters nothing")
deferred_entries = Gauge("holdfast_deferred_entries", "Entries that this writer holds for a later attempt")
last_progress = KnownGauge(
    "holdfast_last_progress_timestamp_seconds", "When the reading loop last showed that it is alive, as Unix time"
)

# --- the stream ---
reclaimed = Counter("holdfast_reclaimed_entries_total", "Entries taken over from a writer that stopped answering")
entries_lost = Counter("holdfast_entries_lost_total", "Pending entries that had disappeared from the stream: data loss")
orphans = Counter(
    "holdfast_orphans_total",
    "Entries delivered again because they had been delivered but were in no consumer's pending list",
    ["stream"],
)
create(orphans, ("writes", "dead_letters"))
groups_recreated = Counter("holdfast_groups_recreated_total", "Consumer groups that had to be created again")
consumer_restarts = Counter("holdfast_consumer_restarts_total", "Restarts of the reading loop")

# --- what the auditor in dlq_admin reads from the stores; exported from its first reading on ---
stream_entries = Gauge(
    "holdfast_stream_entries", "Entries on a stream; handled entries are deleted from it", ["stream"]
)
stream_pending = Gauge(
    "holdfast_stream_pending_entries", "Entries of a stream that were delivered and are not settled yet", ["stream"]
)
stream_oldest = Gauge(
    "holdfast_stream_oldest_timestamp_seconds",
    "When a stream's oldest entry was accepted, as Unix time; the time of the reading if there is none",
    ["stream"],
)
partition_entries = Gauge(
    "holdfast_partition_entries", "Entries on the write stream of one partition of the queue", ["partition"]
)
partition_oldest = Gauge(
    "holdfast_partition_oldest_timestamp_seconds",
    "When the oldest entry on a partition's write stream was accepted, as Unix time; the time of the"
    " reading if there is none. The value stays unchanged while the partition does not answer",
    ["partition"],
)
stream_trimmed_unread = Gauge(
    "holdfast_stream_trimmed_unread_entries",
    "Entries trimmed from a stream before they were read: data loss",
    ["stream"],
)
ledger_writes = Gauge("holdfast_ledger_writes", "Writes in each term of the ledger, counted from the stores", ["term"])
ledger_missing = KnownGauge(
    "holdfast_ledger_missing_writes",
    "Number of writes by which the ledger does not balance, without a sign: `GET /ledger` shows whether"
    " they are missing, or more than were accepted",
)
durability_reduced = Gauge(
    "holdfast_durability_reduced", "1 while this setting of a store may lose acknowledged writes", ["store", "setting"]
)
uniqueness_lost = Gauge(
    "holdfast_uniqueness_lost", "1 while no key keeps these columns of a table unique", ["table", "columns"]
)
queue_unrewritten = KnownGauge(
    "holdfast_queue_unrewritten_bytes",
    "Size of the queue's append-only file while its last rewrite has failed, so that it only grows; else 0",
)
queue_epochs = Counter(
    "holdfast_queue_epochs_total",
    "Breaks in the queue's memory, by cause: it was `emptied`, it `went_back`, or it `moved` to another server process",
    ["cause"],
)
create(queue_epochs, ["emptied", "went_back", "moved"])
operation_rows = Gauge(
    "holdfast_operation_rows",
    "Rows of ended operations: `kept` in the database; `open`, those of them that every reading counts; and `purged`",
    ["state"],
)
horizon = KnownGauge(
    "holdfast_horizon_timestamp_seconds",
    "Time before which ended operations are not kept, as Unix time; 0: all are kept",
)
tombstones_purged = Counter(
    "holdfast_tombstones_purged_total",
    "Rows of deleted entities removed because they are older than the horizon",
)
claims_swept = Counter(
    "holdfast_claims_swept_total",
    "Claims of unique values removed because no write held them any more; only with several partitions",
)
dead_letters_open = KnownGauge("holdfast_dead_letters_open", "Dead letters that wait for an operator")
dead_letters_oldest = KnownGauge(
    "holdfast_dead_letters_oldest_timestamp_seconds",
    "When the oldest dead letter that waits for an operator was dead-lettered, as Unix time; the time of"
    " the reading if there is none",
)
replay_letters = Gauge("holdfast_replay_letters", "Dead letters of the replays under way, by state", ["state"])
probe_last_success = Gauge(
    "holdfast_probe_last_success_timestamp_seconds",
    "When a probe last succeeded, as Unix time; before its first success, the start of the process",
    ["probe"],
)
probe_duration = Gauge("holdfast_probe_duration_seconds", "Duration of a probe's last successful run", ["probe"])

# --- heartbeats: writes that change nothing and go through every stage ---
heartbeat = Gauge(
    "holdfast_heartbeat_timestamp_seconds",
    "When the newest heartbeat that reached this stage was accepted, as Unix time",
    ["stage"],
)

# --- announced faults; created with each fault ---
fault_active = Gauge("holdfast_fault_active", "1 while this deliberate fault is announced", ["fault", "target"])
fault_last_start = Gauge(
    "holdfast_fault_last_start_timestamp_seconds", "When this fault last began, as Unix time", ["fault", "target"]
)
fault_last_end = Gauge(
    "holdfast_fault_last_end_timestamp_seconds", "When this fault last ended, as Unix time", ["fault", "target"]
)
recovery_phase = Gauge(
    "holdfast_recovery_phase_seconds",
    "Duration of each phase of the last measured recovery from a fault",
    ["fault", "phase"],
)

# --- dead letters ---
letters_indexed = Counter("holdfast_letters_indexed_total", "Dead letters copied from their stream into the table")
letters_unindexable = Counter(
    "holdfast_letters_unindexable_total", "Attempts at a dead letter that the table refuses; it stays on its stream"
)
index_duration = Histogram(
    "holdfast_index_duration_seconds", "Duration of indexing one batch of dead letters", buckets=SECONDS
)

# --- replays ---
replay_sent = Counter("holdfast_replay_sent_total", "Dead letters that replays sent again")
replay_results = Counter("holdfast_replay_results_total", "Items of replays that have ended, including recalled items")
replays_driven = Gauge("holdfast_replays_driven", "Replays that this process is working on")

# --- Grafana ---
annotations = Counter("holdfast_annotations_total", "Annotations for Grafana, by result", ["result"])
create(annotations, ["sent", "failed", "dropped"])

# --- answers to clients that were not good; created with each kind of answer ---
failures = Counter(
    "holdfast_failures_total",
    "Responses that were not good, by route, what was wrong with them, error code and the dependency that caused it",
    ["route", "trouble", "code", "dependency"],
)

# --- traces and explanations ---
spans = Counter(
    "holdfast_spans_total",
    "Spans of sampled traces: all that `ended`, and how many of them were `sent` or `failed`",
    ["result"],
)
create(spans, ["ended", "sent", "failed"])
explanations = Counter("holdfast_explanations_total", "Explanations of requests, by result", ["result"])
create(explanations, ["kept", "dropped", "failed"])

# --- the cache ---
cache_requests = Counter("holdfast_cache_requests_total", "Reads of copies, by result", ["result"])
create(cache_requests, ["hit", "in_process", "miss", "error"])
fallback_checked = Counter(
    "holdfast_fallback_checked_total",
    "Copies compared with the database while the database is up, by result",
    ["match"],
)
create(fallback_checked, ["same", "behind", "missing"])
fallback_served = Counter("holdfast_fallback_served_total", "Responses served from a copy, by reason", ["reason"])
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
    "holdfast_fallback_age_seconds",
    "Age of the copies served as a fallback",
    buckets=(1, 5, 15, 60, 300, 900, 3600, 86400),
)

# --- the fleet ---
board_beats = Counter(
    "holdfast_board_beats_total", "Reports of this process's breakers to the board, by result", ["result"]
)
create(board_beats, ["done", "failed"])

# --- calls to other services (created with each retrying layer, which knows its dependency) ---
attempts = Counter(
    "holdfast_attempts_total", "Attempts of calls to a dependency; `again` are the retries", ["dependency", "attempt"]
)
retries_suppressed = Counter(
    "holdfast_retries_suppressed_total",
    "Retries that might have helped but were not made, by reason",
    ["dependency", "reason"],
)
external_config_version = Gauge("holdfast_external_config_version", "Version of the run-time configuration in force")
external_config_refused = Counter(
    "holdfast_external_config_refused_total", "Invalid run-time configurations found in Redis and ignored"
)

# --- breakers (created with each breaker, which knows its name) ---
dependency_call_duration = TalliedHistogram(
    "holdfast_dependency_call_duration_seconds",
    "Duration of calls that a breaker let through, by dependency and result",
    ["dependency", "result"],
    buckets=SECONDS,
)
breaker_recovery = Histogram(
    "holdfast_breaker_recovery_seconds",
    "Time from a breaker's first opening until it is closed again",
    ["breaker"],
    buckets=_RECOVERIES,
)
breaker_state = Gauge(
    "holdfast_breaker_state", "1 for the current state of the breaker, 0 for its other states", ["breaker", "state"]
)
breaker_admitted_share = Gauge(
    "holdfast_breaker_admitted_share",
    "Share of calls that a breaker lets through: 0 unless it is closed",
    ["breaker"],
)
breaker_transitions = Counter(
    "holdfast_breaker_transitions_total", "State changes of a breaker, by the new state", ["breaker", "to"]
)
breaker_refused = Counter(
    "holdfast_breaker_refused_calls_total", "Calls that a breaker refused, by reason", ["breaker", "reason"]
)
breaker_would_refuse = Counter(
    "holdfast_breaker_would_refuse_calls_total",
    "Calls that a breaker would have refused, but let through because it only observes",
    ["breaker", "reason"],
)
breaker_unsuccessful_calls = Counter(
    "holdfast_breaker_unsuccessful_calls_total",
    "Calls through a breaker that did not succeed, by verdict",
    ["breaker", "verdict"],
)
