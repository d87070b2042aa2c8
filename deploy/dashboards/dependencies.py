"""Dependencies: utilisation, saturation and errors (USE) of each store, service and process."""

from deploy.dashboards import states
from deploy.dashboards.board import CHOSEN, INSTANCE, JOB, Board
from deploy.dashboards.panel import REQUESTS, WINDOW, Bars, Lines, Row, Timeline, line_at, quantile, rate, worst
from deploy.rules.availability import OF_CLIENTS

_CALLS = "holdfast_dependency_call_duration_seconds"

_BAD = rate(f"{_CALLS}_count", "dependency", 'result!="success"')
_TROUBLE = Lines(
    title="Which dependency fails?",
    shows="Share of the calls to each dependency that ended in an error or ran out of time.",
    normal="zero.",
    act="its own band below shows whether it is full, slow or down.",
    unit="percentunit",
    nothing="Nothing was called",
    queries={"{{dependency}}": f"{_BAD} / {rate(_CALLS + '_count', 'dependency')}"},
    share=True,
)
_SLOW = Lines(
    title="Which dependency is slow?",
    shows="The time within which 99 of 100 calls to each dependency ended.",
    normal="far below its time limit (docs/reference/time-budgets.md).",
    act="at its limit: it hangs; its breaker opens by itself.",
    unit="s",
    nothing="Nothing was called",
    queries={"{{dependency}}": quantile(0.99, _CALLS, "dependency")},
    log=True,
)
_CALLED = Lines(
    title="How much is each called?",
    shows="Calls that breakers allowed, each second.",
    normal="as the traffic is. Near zero while its breaker is open.",
    act="zero without an open breaker: there is no traffic; see Overview.",
    unit="ops",
    nothing="Nothing was called",
    queries={"{{dependency}}": rate(f"{_CALLS}_count", "dependency")},
)
_REFUSED = Lines(
    title="What did breakers refuse?",
    shows="Calls not made, by breaker and why.",
    normal="none.",
    act="probing for long: the probes fail; the dependency is still down.",
    unit="ops",
    nothing="Nothing was refused",
    queries={"{{breaker}}: {{reason}}": f"{rate('holdfast_breaker_refused_calls_total', 'breaker, reason')} > 0"},
    width=12,
)
_CLOSED_AGAIN = Bars(
    title="How long until closed again?",
    shows="From a breaker's first opening until it was closed again: the mean, in the time shown.",
    normal="the outage, and a few seconds.",
    act="much longer than the outage: its open time has grown; an operator can reset it.",
    unit="s",
    nothing="No breaker has opened",
    queries={
        "{{breaker}}": "sum by (breaker) (increase(holdfast_breaker_recovery_seconds_sum[$__range]))"
        " / (sum by (breaker) (increase(holdfast_breaker_recovery_seconds_count[$__range])) > 0)"
    },
    width=12,
)

_THREADS = Lines(
    title="Is the database busy?",
    shows="Its connections: open, running a statement, and allowed.",
    normal="running: a few. Open: as many as our pools have.",
    act="running near open: statements wait for locks or the disk.",
    unit="short",
    nothing="The database or its exporter is down",
    queries={
        "running": "max (mysql_global_status_threads_running)",
        "open": "max (mysql_global_status_threads_connected)",
        "allowed": "max (mysql_global_variables_max_connections)",
    },
    log=True,
)
_STATEMENTS = Lines(
    title="What does it do?",
    shows="Statements each second, by kind.",
    normal="as the traffic is.",
    act="zero while we call: it hangs.",
    unit="ops",
    nothing="The database or its exporter is down",
    queries={
        "{{command}}": rate(
            "mysql_global_status_commands_total",
            "command",
            'command=~"select|insert|update|delete|commit|rollback"',
        )
    },
)
_DATABASE_ERRORS = Lines(
    title="What goes wrong in it?",
    shows="Waits for a row's lock, slow statements, connections that broke off; each second.",
    normal="lock waits now and then.",
    act="lock waits that last: two writers want one user; slow: its disk. Broken off: clients or the network died.",
    unit="ops",
    nothing="The database or its exporter is down",
    queries={
        "lock waits": f"sum (rate(mysql_global_status_innodb_row_lock_waits{WINDOW}))",
        "slow statements": f"sum (rate(mysql_global_status_slow_queries{WINDOW}))",
        "broken off": f"sum (rate(mysql_global_status_aborted_clients{WINDOW}))",
    },
)

_MEMORY = Lines(
    title="Are queue and cache full?",
    shows="Memory used, as a share of what each may use.",
    normal="the cache may be full: it evicts. The queue far below.",
    act="the queue near 1: it will refuse writes; drain it, or give it more.",
    unit="percentunit",
    nothing="Redis or its exporter is down",
    queries={"{{instance}}": "redis_memory_used_bytes / (redis_memory_max_bytes > 0)"},
    share=True,
    width=6,
)
_COMMANDS = Lines(
    title="What do they do?",
    shows="Commands each second.",
    normal="as the traffic is.",
    act="zero while we call: it hangs.",
    unit="ops",
    nothing="Redis or its exporter is down",
    queries={"{{instance}}": rate("redis_commands_processed_total", "instance")},
    width=6,
)
_REDIS_ERRORS = Lines(
    title="What goes wrong in them?",
    shows="Copies evicted, connections refused and error replies, each second.",
    normal="evictions in a full cache; none in the queue.",
    act="refused connections: too many clients. Error replies: read the caller's log.",
    unit="ops",
    nothing="Redis or its exporter is down",
    queries={
        "{{instance}}: evicted": rate("redis_evicted_keys_total", "instance"),
        "{{instance}}: refused": rate("redis_rejected_connections_total", "instance"),
        "{{instance}}: errors": rate("redis_total_error_replies", "instance"),
    },
    width=6,
)
_DISK = Timeline(
    title="Is what we promise on disk?",
    shows="Whether the queue Redis could write its log the last time that it tried.",
    normal="written.",
    act="failed: its disk is full or broken, and it refuses writes. The api writes to the database meanwhile.",
    unit="short",
    nothing="Redis or its exporter is down",
    queries={"{{instance}}": 'min by (instance) (redis_aof_last_write_status{instance=~"queue.*"})'},
    width=6,
    states=states.WRITTEN,
)

_ATTEMPTS = Lines(
    title="How often do we call the other services?",
    shows="Attempts at calls of other services, first ones and retries.",
    normal="retries at most a tenth.",
    act="more: the retry budget is too large, or was bypassed.",
    unit="ops",
    nothing="Nothing was called",
    queries={"{{dependency}}: {{attempt}}": rate("holdfast_attempts_total", "dependency, attempt")},
    width=12,
)
_THIRD_PARTY = Lines(
    title="How does the third party respond?",
    shows="Calls of it, by outcome for our callers.",
    normal="good.",
    act="degraded: it is down, and copies are served. failed: there was no copy.",
    unit="reqps",
    nothing="It was not called",
    queries={"{{outcome}}": rate(f"{REQUESTS}_count", "outcome", f'job="external_proxy", {OF_CLIENTS}')},
    width=12,
)

_CPU = Lines(
    title="CPU",
    shows="Cores used by each process.",
    normal="well below 1: a process here uses one core at most.",
    act="near 1: add replicas.",
    unit="short",
    nothing="No service is up",
    queries={"{{instance}}": f"rate(process_cpu_seconds_total{{{CHOSEN}}}{WINDOW})"},
    limits=line_at(0.9),
    width=6,
)
_RESIDENT = Lines(
    title="Memory",
    shows="Resident memory of each process.",
    normal="flat.",
    act="climbs for hours: a leak; restart it and report it.",
    unit="bytes",
    nothing="No service is up",
    queries={"{{instance}}": f"process_resident_memory_bytes{{{CHOSEN}}}"},
    width=6,
)
_FILES = Lines(
    title="Open files",
    shows="Open files and sockets of each process, as a share of what it may open.",
    normal="far below 1.",
    act="climbs: connections are not closed, or clients pile up.",
    unit="percentunit",
    nothing="No service is up",
    queries={"{{instance}}": f"process_open_fds{{{CHOSEN}}} / process_max_fds{{{CHOSEN}}}"},
    share=True,
    width=6,
)
_TAKEN = worst("holdfast_pool_in_use", "job, pool", CHOSEN)
_POOLS = Lines(
    title="Pools",
    shows="What is taken of each bounded pool, as a share of what it has.",
    normal="far below 1. All of the database's pool while it hangs.",
    act="at 1 for long: what it leads to is slow or down; callers wait or are refused.",
    unit="percentunit",
    nothing="No service is up",
    queries={"{{job}}: {{pool}}": f"{_TAKEN} / {worst('holdfast_pool_capacity', 'job, pool', CHOSEN)}"},
    share=True,
    width=6,
)
_LAG = Lines(
    title="Event loops",
    shows="How late each event loop is: the time that everything in that process waits.",
    normal="below 20 ms.",
    act="above the line: no CPU left, or something blocks it.",
    unit="s",
    nothing="No service is up",
    queries={"{{instance}}": f"holdfast_event_loop_lag_seconds{{{CHOSEN}}}"},
    limits=line_at(0.1),
    width=6,
)
_IN_FLIGHT = Lines(
    title="Requests in flight",
    shows="Of each process; dashed, how many the api lets in at once.",
    normal="far below the limit.",
    act="at the limit: more are shed; add replicas of the api.",
    unit="short",
    nothing="No service is up",
    queries={
        "{{instance}}": f"holdfast_http_requests_in_flight{{{CHOSEN}}}",
        "limit of {{lane}}": "max by (lane) (holdfast_inflight_limit)",
    },
    right={"limit of {{lane}}": "short"},
    width=6,
)
_SCRAPES = Lines(
    title="Is it being watched?",
    shows="How long Prometheus takes to scrape each process, and dlq_admin to probe the stores.",
    normal="below half a second; the limit is 4 s.",
    act="near the limit: points go missing from every panel here.",
    unit="s",
    nothing="Prometheus has no targets",
    queries={
        "{{job}}": "max by (job) (scrape_duration_seconds)",
        "probe of the {{probe}}": worst("holdfast_probe_duration_seconds", "probe"),
    },
    log=True,
    width=12,
)

BOARD = Board(
    "holdfast-dependencies",
    "Dependencies",
    "Of each store, service and process: how much it is used, how full it is, and what goes wrong.",
    (
        Row("Which one is it?", (states.breakers(24, 9), _TROUBLE, _SLOW, _CALLED, _REFUSED, _CLOSED_AGAIN)),
        Row("The database", (_THREADS, _STATEMENTS, _DATABASE_ERRORS)),
        Row("The queue and the cache (Redis)", (_MEMORY, _COMMANDS, _REDIS_ERRORS, _DISK)),
        Row("Other services", (_ATTEMPTS, _THIRD_PARTY)),
        Row("Our own processes", (_CPU, _RESIDENT, _FILES, _POOLS, _LAG, _IN_FLIGHT, _SCRAPES)),
    ),
    (JOB, INSTANCE),
)
