"""Overview: is it OK, how much budget is left, and rate, errors and duration in the order in which a request flows."""

from deploy.dashboards import states
from deploy.dashboards.board import Board
from deploy.dashboards.panel import (
    REQUESTS,
    AnyPanel,
    Limits,
    Lines,
    Number,
    Row,
    Table,
    Text,
    Timeline,
    above,
    below,
    quantile,
    rate,
    seen,
    worst,
    zero_is_good,
)
from deploy.rules.availability import OF_CLIENTS
from deploy.rules.profile import DEMO

_API = 'job="api"'
_CLIENTS = f"{_API}, {OF_CLIENTS}"
_COUNT = f"{REQUESTS}_count"


_WHAT = Text(
    "What is this?",
    "What Holdfast is, and where to look next.",
    "**Holdfast** serves REST resources that keep their promises while what is behind them fails. Below: the "
    "numbers that matter, then each step of a request.\n\n"
    "Something red? **[Failure and recovery](/d/holdfast-failure-recovery)** shows the sequence of events, "
    "[Pipeline and dead letters](/d/holdfast-pipeline) where writes wait, "
    "[Dependencies](/d/holdfast-dependencies) the cause.",
    width=6,
    height=6,
)


def _number(
    title: str, expr: str, shows: str, normal: str, act: str, unit: str, limits: Limits, nothing: str = "No requests"
) -> Number:
    return Number(
        title=title,
        shows=shows,
        normal=normal,
        act=act,
        unit=unit,
        nothing=nothing,
        limits=limits,
        queries={title.lower(): expr},
        width=3,
        height=6,
        decimals=2 if unit == "percentunit" else None,
    )


_NOT_MEASURED = "Unknown: not measured lately"
_NOW: tuple[AnyPanel, ...] = (
    _WHAT,
    _number(
        "Availability, last day", f"1 - max (job:holdfast_requests_bad:ratio_rate1d{{{_API}}})",
        "Share of requests with a good or degraded response; callers that left do not count.",
        "99.9 % and above.", "Failure and recovery shows when it was lost.", "percentunit", above(0.99, 0.999),
    ),
    _number(
        "Error budget left", f"clamp_min(max (job:holdfast_error_budget_left:ratio{{{_API}}}), 0)",
        "What is left of the failures that the objective allows: on a demo in a day, in production in 30.",
        "above half.", "0: no risky change before it has recovered.", "percentunit", above(0.1, 0.5),
    ),
    _number(
        "Degraded responses", f"max (job:holdfast_requests_degraded:ratio_rate1m{{{_API}}})",
        "Share of responses from an older copy, in the last minute.",
        "0.", "users see old data: Dependencies shows what is down.", "percentunit", below(0.01, 0.5),
    ),
    _number(
        "Oldest write waiting", 'max (stream:holdfast_oldest_age_seconds:max{stream="writes"})',
        "How long the oldest accepted write has waited for its commit.",
        "below ten seconds, because it is measured every five.", "above 30 s: Pipeline and dead letters.", "s",
        below(15, DEMO.stale_s), _NOT_MEASURED,
    ),
    _number(
        "Ledger out by", seen(worst("holdfast_ledger_missing_writes", ""), "ledger"),
        "Accepted writes that are found in no store; or more in the stores than was accepted: the ledger says which.",
        "0, always.", "docs/runbooks/HoldfastLedgerImbalance.md", "short", zero_is_good(), _NOT_MEASURED,
    ),
    _number(
        "Dead letters open", seen(worst("holdfast_dead_letters_open", ""), "database"),
        "Writes that could not be applied and wait to be fixed, replayed or discarded.",
        "0.", "open the console: it shows what to do next.", "short", below(1, 1000), _NOT_MEASURED,
    ),
)  # fmt: skip

_UP = Timeline(
    title="Is everything up?",
    shows="Whether Prometheus reaches each process, and the exporters their stores; of replicas, the worst.",
    normal="all up.",
    act="down: make status, then make logs ONLY=<it>.",
    unit="short",
    nothing="Prometheus has no targets",
    queries={
        "{{job}}": "min by (job) (up)",
        "Redis: {{instance}}": "min by (instance) (redis_up)",
        "database: {{instance}}": "min by (instance) (mysql_up)",
    },
    width=12,
    height=8,
    states=states.UP,
)


def _rate(
    title: str, expr: str, legend: str, shows: str, normal: str, act: str, unit: str = "reqps", width: int = 8
) -> Lines:
    return Lines(
        title=title,
        shows=shows,
        normal=normal,
        act=act,
        unit=unit,
        nothing="No traffic",
        width=width,
        queries={legend: expr},
    )


def _outcomes(job: str, title: str, where: str = "", width: int = 8) -> Lines:
    return _rate(
        title,
        rate(_COUNT, "outcome", where or _job(job)),
        "{{outcome}}",
        "Requests each second by how they ended.",
        "nearly all good.",
        "see the errors, above.",
        width=width,
    )


def _times(title: str, histogram: str, where: str, shows: str, normal: str, act: str, width: int = 8) -> Lines:
    return Lines(
        title=title,
        shows=shows,
        normal=normal,
        act=act,
        unit="s",
        nothing="No traffic",
        log=True,
        width=width,
        queries={name: quantile(q, histogram, "", where) for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))},
    )


def _job(job: str) -> str:
    return f'job="{job}", {OF_CLIENTS}'


_ERRORS = _rate(
    "Errors by code",
    f"{rate('holdfast_http_errors_total', 'type, code', _API)} > 0",
    "{{type}}: {{code}}",
    "Error responses, by type and code; callers' own mistakes too.",
    "a few mistakes of callers.",
    "docs/reference/errors.md has each code.",
)
_PATTERNS = Lines(
    title="Which failures, and because of what?",
    shows="Responses that were not good, the ten largest groups: what was wrong, where, and the cause.",
    normal="nothing. Callers' own mistakes are not counted here.",
    act="the console's Failures page has each group with what began at the same moment.",
    unit="reqps",
    nothing="Every response was good",
    queries={
        "{{trouble}} {{route}}: {{code}} ({{dependency}})": "topk(10, "
        + rate("holdfast_failures_total", "trouble, route, code, dependency", f'{_API}, trouble!="mistake"')
        + " > 0)"
    },
    width=24,
    height=8,
)
_BAD_ROUTES = rate(_COUNT, "route", f'{_CLIENTS}, outcome=~"failed|rejected"')
_ENDPOINTS = Lines(
    title="Which endpoint fails?",
    shows="Share of each endpoint's requests that failed or were rejected.",
    normal="all at zero.",
    act="one alone: its own dependency. All: what they share.",
    unit="percentunit",
    nothing="No traffic",
    queries={"{{route}}": f"{_BAD_ROUTES} / {rate(_COUNT, 'route', _CLIENTS)}"},
    share=True,
    width=12,
)
_ALL_TIMES = Lines(
    title="Which endpoint is slow?",
    shows="The time within which 99 of 100 requests of each endpoint were answered.",
    normal="below a quarter of a second, except where clients asked to wait.",
    act="one alone: its own dependency; all: the process, see Dependencies.",
    unit="s",
    nothing="No traffic",
    queries={"{{route}}": quantile(0.99, REQUESTS, "route", _CLIENTS)},
    log=True,
    width=12,
)
_BUILDS = Table(
    title="What runs?",
    shows="The build of every service, and of how many replicas.",
    normal="one build each; two during a deployment.",
    act="two for long: a deployment stopped half way.",
    unit="short",
    nothing="Nothing runs",
    queries={"{{job}} {{build}}": "count by (job, build) (holdfast_build_info)"},
    columns={"job": "Service", "build": "Build"},
    value="Replicas",
    width=6,
)

BOARD = Board(
    "holdfast-overview",
    "Overview",
    "Is it OK? How much of the error budget is left? Then rate, errors and duration of each step, in the order in "
    "which a request flows.",
    (
        Row("Is it OK?", (*_NOW, _UP, states.alerts(12, 8))),
        Row(
            "Are requests answered? (api)",
            (
                _outcomes("api", "Requests by outcome", _CLIENTS),
                _ERRORS,
                _times(
                    "Latency", REQUESTS, _CLIENTS, "From request to response.",
                    "p99 below a quarter of a second.",
                    "see which endpoint.",
                ),
                _ENDPOINTS,
                _ALL_TIMES,
                _PATTERNS,
            ),
        ),
        Row(
            "Are writes accepted, and applied? (queue, writers)",
            (
                _rate(
                    "Acceptances by result", f"{rate('holdfast_writes_accepted_total', 'result')} > 0", "{{result}}",
                    "Writes given to the queue, by its reply.", "accepted, and callers' repetitions.",
                    "unknown or refused: the queue is down or full.", "wps", 6,
                ),
                _times(
                    "Time to accept", "holdfast_accept_duration_seconds", "",
                    "One round trip to the queue, its fsync included.", "p99 below 25 ms.",
                    "slow: the queue's disk. See Dependencies.", 6,
                ),
                _rate(
                    "Writes settled by outcome", f"{rate('holdfast_outcomes_total', 'outcome')} > 0", "{{outcome}}",
                    "What writers did with each entry.", "Applied.", "Dead: the console. Retry: Pipeline.", "wps", 6,
                ),
                _times(
                    "Time from acceptance to commit", "holdfast_commit_delay_seconds", "",
                    "How long a caller's write takes to be in the database.", "p99 below a second.",
                    "grows: Pipeline and dead letters.", 6,
                ),
            ),
        ),
        Row(
            "Do the other services respond? (external_proxy, dlq_admin)",
            (
                _outcomes("external_proxy", "Calls of the third party by outcome", width=5),
                _times(
                    "Time of a call of the third party", REQUESTS, _job("external_proxy"), "From request to response.",
                    "what the third party takes.", "slow: the third party; its breaker will open.", 5,
                ),
                _outcomes("dlq_admin", "Operators' requests by outcome", width=4),
                _times(
                    "Time of an operator's request", REQUESTS, _job("dlq_admin"), "From request to response.",
                    "below a second.", "slow: the database.", 4,
                ),
                _BUILDS,
            ),
        ),
    ),
)  # fmt: skip
