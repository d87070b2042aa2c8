"""Failure and recovery: what broke, what contained it, what users got, and how long recovery took."""

from deploy.dashboards import states
from deploy.dashboards.board import Board
from deploy.dashboards.colours import FAILED, NONE
from deploy.dashboards.panel import (
    REQUESTS,
    Lines,
    Number,
    Row,
    Table,
    Timeline,
    below,
    increase,
    line_at,
    quantile,
    rate,
    seen,
    worst,
    zero_is_good,
)
from deploy.rules.availability import OF_CLIENTS
from deploy.rules.profile import BUDGET, DEMO
from deploy.rules.rule import Severity

_API = 'job="api"'
_CLIENTS = f"{_API}, {OF_CLIENTS}"
_PAGES = [burn for burn in DEMO.burns if burn.severity is Severity.PAGE]

_FAULT = Timeline(
    title="Which fault is active?",
    shows="Announced faults, and the target of each.",
    normal="none.",
    act="none announced and something is broken: read the two bands below.",
    unit="short",
    nothing="No fault has been announced",
    queries={"{{fault}} → {{target}}": worst("holdfast_fault_active", "fault, target")},
    width=24,
    height=4,
    states=states.ACTIVE,
)

#: Among the faults whose recovery was measured, the one that began last.
_LATEST = (
    "topk (1, max by (fault) (holdfast_fault_last_start_timestamp_seconds)"
    " and on (fault) holdfast_recovery_phase_seconds)"
)


def _phase(phase: str, shows: str, act: str, degraded_s: float, failed_s: float, width: int = 5) -> Number:
    measured = worst("holdfast_recovery_phase_seconds", "fault", f'phase="{phase}"')
    return Number(
        title=f"Time to {phase}",
        shows=f"{shows} Of the last drill (`make chaos-...`, `make test-recovery-time`) that measured one: nobody "
        "announces when a real fault begins, so it is not measured.",
        normal=f"below {degraded_s:.0f} s.",
        act=act,
        unit="s",
        nothing="No drill measured it",
        queries={"{{fault}}": f"{measured} and on (fault) {_LATEST}"},
        width=width,
        height=4,
        limits=below(degraded_s, failed_s),
        decimals=1,
        trend=False,
        named=True,
    )


_PHASES = (
    _phase("detect", "From the fault's start until it was first detected.", "look at the alerts' windows.", 5, 15),
    _phase("contain", "From its start until no request failed.", "look at breakers and time budgets.", 5, 15),
    _phase("resume", "From its end to the first fresh response.", "look at how long breakers stay open.", 10, 30),
    _phase("drain", "From its end until the backlog was gone.", "look at the writers' pace; add writers.", 30, 90),
    _phase("steady", "From its end until everything was as before.", "see which band has not recovered.", 60, 120, 4),
)

#: The order of the states, from the bottom of the picture.
_OUTCOMES = ("good", "degraded", "rejected", "failed", "abandoned")
_ENDED = rate(f"{REQUESTS}_count", "", _CLIENTS)


def _ended(outcome: str) -> str:
    return rate(f"{REQUESTS}_count", "", f'{_CLIENTS}, outcome="{outcome}"')


_GOT = Lines(
    title="Requests by outcome",
    shows="Every request by how it ended: good, degraded (an older copy, marked), rejected (with a time to retry), "
    "failed, abandoned (the caller left).",
    normal="all good. During a fault mostly degraded, and no failed.",
    act="failed: Overview says which endpoint. rejected: see what was refused, below.",
    unit="reqps",
    nothing="No requests",
    queries={outcome: f"{_ended(outcome)} or 0 * {_ENDED}" for outcome in _OUTCOMES},
    width=12,
    height=9,
    stack="percent",
    excused={"no-stacked-rates": "shares of one whole, in percent"},
)
_BURN = Lines(
    title="How fast does the error budget burn?",
    shows="Failed and rejected requests, as a multiple of what the objective allows.",
    normal="below 1. The dashed lines page when both windows are above.",
    act="above the upper line: users feel it now. Find the red band in the timelines.",
    unit="none",
    nothing="No requests",
    queries={
        f"over {window}": f"max (job:holdfast_requests_bad:ratio_rate{window}{{{_API}}}) / {BUDGET}"
        for burn in _PAGES
        for window in (burn.short, burn.long)
    },
    width=12,
    height=9,
    limits=((None, NONE), *((burn.factor, FAILED) for burn in sorted(_PAGES, key=lambda burn: burn.factor))),
)
_AGE = Lines(
    title="How old were the copies?",
    shows="Age of the copies that were served instead of fresh data.",
    normal="no line at all. During a fault about as old as the fault.",
    act="older than users can accept: HOLDFAST_API_STALE_MAX_S limits it.",
    unit="s",
    nothing="Nothing was served from a copy",
    queries={name: quantile(q, "holdfast_fallback_age_seconds") for q, name in ((0.5, "p50"), (0.95, "p95"))},
)
_FOUND = rate("holdfast_cache_requests_total", "", f'{_API}, result=~"hit|in_process"')
_COPIES = Lines(
    title="Which copies were served?",
    shows="Responses from a copy, by the reason why the source did not answer; dashed, the share of lookups that "
    "found a copy.",
    normal="no responses from copies. During an outage many, and the share high.",
    act="a low share during an outage: copies were missing, so users got errors. Is the cache up?",
    unit="reqps",
    nothing="Nothing was served from a copy",
    queries={
        "{{reason}}": f"{rate('holdfast_fallback_served_total', 'reason')} > 0",
        "copy found": f"{_FOUND} / {rate('holdfast_cache_requests_total', '', _API)}",
    },
    right={"copy found": "percentunit"},
)
_ANSWERED = f'{_CLIENTS}, outcome=~"good|degraded"'
_LATENCY = Lines(
    title="How long did clients wait?",
    shows="Latency of degraded responses and of good ones.",
    normal="below a tenth of a second; degraded responses are slower only until the breaker opens.",
    act="degraded stays slow: the breaker does not open; see the timelines.",
    unit="s",
    nothing="No requests",
    queries={
        f"{{{{outcome}}}} {name}": quantile(q, REQUESTS, "outcome", _ANSWERED)
        for q, name in ((0.5, "p50"), (0.99, "p99"))
    },
    log=True,
)

_OLDEST = Lines(
    title="How far behind is the pipeline?",
    shows="Age of the oldest unsettled entry of each stream.",
    normal="below ten seconds, because it is measured every five. It grows while the database is away.",
    act="above the line with no fault: see what holds the writers back, on Pipeline.",
    unit="s",
    nothing="Unknown: not measured lately",
    queries={"{{stream}}": "stream:holdfast_oldest_age_seconds:max"},
    limits=line_at(DEMO.stale_s),
    width=6,
)
_BACKLOG = Lines(
    title="How much waits, and for how much longer?",
    shows="Writes that wait; dashed, how long until they are done at the present pace.",
    normal="a handful. After a fault it falls, and the time left with it.",
    act="it does not fall after the fault: add writers (make up WRITERS=4).",
    unit="short",
    nothing="Unknown: not measured lately",
    queries={
        "waiting": worst("holdfast_stream_entries", "stream", 'stream="writes"'),
        "time left": "holdfast:drain_eta_seconds:estimate",
    },
    right={"time left": "s"},
    width=6,
)
_FLOW = Lines(
    title="In against out",
    shows="Writes accepted and writes settled, each second. The gap between the lines is what piles up.",
    normal="both lines together. After a fault out is above in.",
    act="out at zero with no fault: the writers have stopped; see Pipeline.",
    unit="wps",
    nothing="No writes",
    queries={
        "in": rate("holdfast_writes_accepted_total", "", 'result="accepted"'),
        "out": rate("holdfast_outcomes_total", "", 'outcome!="Retry"'),
    },
    width=6,
)
_HEARTBEAT = Lines(
    title="Which hop is stuck?",
    shows="Age of the newest heartbeat write at each hop: accepted, consumed, committed.",
    normal="all below ten seconds, together.",
    act="the first line that departs from the others names the hop that is stuck.",
    unit="s",
    nothing="No heartbeat yet",
    queries={"{{stage}}": "stage:holdfast_heartbeat_age_seconds:max"},
    limits=line_at(DEMO.heartbeat_s),
    width=6,
)

_MISSING = Number(
    title="Ledger out by",
    shows="Accepted and neither applied, rejected, dead-lettered, discarded, in flight nor known as lost; or found in "
    "the stores and never accepted: the console's page of the ledger says which.",
    normal="0, always, in every fault.",
    act="stop the writers and read docs/runbooks/HoldfastLedgerImbalance.md: data may be lost.",
    unit="short",
    nothing="Unknown: not measured lately",
    queries={"out by": seen(worst("holdfast_ledger_missing_writes", ""), "ledger")},
    width=4,
    limits=zero_is_good(),
)
_LOSS = Number(
    title="Are there signs of loss?",
    shows="Entries that vanished while a writer had them, entries trimmed unread, entries that were "
    "pending for no consumer and were handed out again, consumer groups that had to be recreated, and how often the "
    "queue lost its memory; in the time shown.",
    normal="0, all five.",
    act="docs/runbooks/HoldfastMessageLoss.md. Memory lost: the queue was emptied, replaced, or went back.",
    unit="short",
    nothing="Not measured",
    queries={
        "vanished": increase("holdfast_entries_lost_total", "", window="[$__range]"),
        "trimmed unread": "max (holdfast_stream_trimmed_unread_entries)",
        "orphans": increase("holdfast_orphans_total", "", window="[$__range]"),
        "groups recreated": increase("holdfast_groups_recreated_total", "", window="[$__range]"),
        "memory lost": increase("holdfast_queue_epochs_total", "", 'cause!="moved"', "[$__range]"),
    },
    width=6,
    limits=zero_is_good(),
    decimals=0,
    trend=False,
    named=True,
)
_LEDGER = Table(
    title="Where is every accepted write?",
    shows="The ledger, counted in the stores: accepted is the sum of all others.",
    normal="nearly all applied.",
    act="in flight that does not fall: Pipeline. dead_lettered: the console.",
    unit="locale",
    nothing="Unknown: not measured lately",
    queries={"{{term}}": seen(worst("holdfast_ledger_writes", "term"), "ledger")},
    width=6,
    columns={"term": "Where"},
    value="Writes",
)
_DIED = Lines(
    title="What was dead-lettered, and why?",
    shows="Writes that became dead letters, in each minute, by reason.",
    normal="none. An outage makes no dead letters.",
    act="the console groups them and says what to do.",
    unit="short",
    nothing="No dead letters",
    queries={"{{reason}}": f"{increase('holdfast_dead_letters_total', 'reason', window='[1m]')} > 0"},
    width=8,
    bars=True,
)

_RETRIES = Lines(
    title="Do we make it worse?",
    shows="Calls that are retries, as a share of all; dashed, retries not made because the budget was used up.",
    normal="far below the line, which is the budget.",
    act="above it: a retry storm; docs/runbooks/HoldfastRetryStorm.md.",
    unit="percentunit",
    nothing="No calls",
    queries={
        "{{dependency}}": "dependency:holdfast_retries:ratio_rate1m",
        "{{dependency}} not made": f"{rate('holdfast_retries_suppressed_total', 'dependency')} > 0",
    },
    right={"{{dependency}} not made": "ops"},
    limits=line_at(0.1),
    share=True,
    width=6,
)
_TURNED_AWAY = Lines(
    title="What was refused, and by what?",
    shows="Requests shed under load, over their limit, and calls that a breaker refused.",
    normal="none. Breakers refuse during a fault.",
    act="shed: add replicas of the api. Over the limit: one client sends too much.",
    unit="reqps",
    nothing="Nothing was refused",
    queries={
        "shed {{lane}}: {{reason}}": f"{rate('holdfast_requests_shed_total', 'reason, lane')} > 0",
        "over the limit of {{policy}}": f"{rate('holdfast_rate_limited_requests_total', 'policy')} > 0",
        "breaker {{breaker}}": f"{rate('holdfast_breaker_refused_calls_total', 'breaker')} > 0",
    },
    width=6,
)
_TIMED_OUT = rate("holdfast_dependency_call_duration_seconds_count", "dependency", 'result="timeout"')
_TIMEOUTS = Lines(
    title="Which dependency times out?",
    shows="Calls that ran into our own time limit, by dependency.",
    normal="none. A dependency that hangs makes a few, until its breaker opens.",
    act="many for long: its breaker does not open; see Dependencies.",
    unit="ops",
    nothing="No timeouts",
    queries={"{{dependency}}": f"{_TIMED_OUT} > 0"},
    width=6,
)
_LAG = Lines(
    title="Is a process itself too busy?",
    shows="How late each event loop is: the time that everything in that process waits.",
    normal="below 20 ms.",
    act="above the line: the process lacks CPU, or something blocks it.",
    unit="s",
    nothing="No service is up",
    queries={"{{job}}": worst("holdfast_event_loop_lag_seconds", "job")},
    limits=line_at(0.1),
    width=6,
)

BOARD = Board(
    "holdfast-failure-recovery",
    "Failure and recovery",
    "Read from the top: a fault begins, a breaker opens, alerts fire; what users get meanwhile; what waits, and "
    "that nothing is lost.",
    (
        Row(
            "What broke, what contained it, which alerts fired?", (_FAULT, states.breakers(24, 9), states.alerts(24, 5))
        ),
        Row("How long did it take?", _PHASES),
        Row("What did users get?", (_GOT, _BURN, _AGE, _COPIES, _LATENCY)),
        Row("Does the pipeline catch up?", (_OLDEST, _BACKLOG, _FLOW, _HEARTBEAT)),
        Row("Is anything lost?", (_MISSING, _LOSS, _LEDGER, _DIED)),
        Row("Does the system protect itself?", (_RETRIES, _TURNED_AWAY, _TIMEOUTS, _LAG)),
    ),
)
