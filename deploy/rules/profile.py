"""Profiles: the same rules for production and for a demo, where a month's budget is a day's."""

from dataclasses import dataclass

from deploy.rules.rule import Severity

#: Share of requests in a budget period that may be refused or failed.
BUDGET = 0.001


@dataclass(frozen=True, slots=True)
class Burn:
    """The budget is burnt `factor` times too fast over a `long` window, and still over a `short` one."""

    short: str
    long: str
    factor: float
    severity: Severity


@dataclass(frozen=True, slots=True)
class Profile:
    """Windows and limits. Durations are in Prometheus's notation; `_s` are seconds, for comparisons."""

    name: str
    budget_period: str
    burns: tuple[Burn, ...]
    interval: str
    #: Evaluation interval for windows of hours and days.
    slow_interval: str
    degraded_lasting: str
    stale_s: int
    stale_lasting: str
    stalled_lasting: str
    loss_over: str
    growing_over: str
    letters_stale_s: int
    overdue_s: int
    #: Seconds after which a recovery no longer counts as that of this fault.
    overdue_until_s: int
    open_lasting: str
    flapping_over: str
    retries_lasting: str
    down_lasting: str
    blind_s: int
    heartbeat_s: int
    crashing_over: str
    #: Seconds without a failure after which a loop counts as working again.
    crashing_still: str


# The windows are those of Google's SRE workbook, chapter 5.
PRODUCTION = Profile(
    name="production",
    budget_period="30d",
    burns=(
        Burn("5m", "1h", 14.4, Severity.PAGE),
        Burn("30m", "6h", 6, Severity.PAGE),
        Burn("2h", "1d", 3, Severity.TICKET),
        Burn("6h", "3d", 1, Severity.TICKET),
    ),
    interval="15s",
    slow_interval="1m",
    degraded_lasting="5m",
    stale_s=60,
    stale_lasting="1m",
    stalled_lasting="5m",
    loss_over="6h",
    growing_over="1h",
    letters_stale_s=86_400,
    overdue_s=300,
    overdue_until_s=7200,
    open_lasting="2m",
    flapping_over="15m",
    retries_lasting="5m",
    down_lasting="1m",
    blind_s=120,
    heartbeat_s=120,
    crashing_over="30m",
    crashing_still="5m",
)

# The same divided by 30, and no window shorter than four scrapes, below which a rate is not one.
DEMO = Profile(
    name="demo",
    budget_period="1d",
    burns=(
        Burn("20s", "2m", 14.4, Severity.PAGE),
        Burn("1m", "12m", 6, Severity.PAGE),
        Burn("4m", "48m", 3, Severity.TICKET),
        Burn("12m", "144m", 1, Severity.TICKET),
    ),
    interval="5s",
    slow_interval="15s",
    degraded_lasting="30s",
    stale_s=30,
    stale_lasting="10s",
    stalled_lasting="30s",
    loss_over="10m",
    growing_over="5m",
    letters_stale_s=3600,
    overdue_s=60,
    overdue_until_s=1800,
    open_lasting="15s",
    flapping_over="5m",
    retries_lasting="30s",
    down_lasting="10s",
    blind_s=30,
    heartbeat_s=30,
    crashing_over="5m",
    crashing_still="1m",
)

PROFILES = (DEMO, PRODUCTION)

_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def in_words(duration: str) -> str:
    """Return `90 s` for `90s` and `5 min` for `5m`."""
    number, unit = duration[:-1], duration[-1]
    return f"{number} {'min' if unit == 'm' else unit}"


def seconds(duration: str) -> int:
    """Return `90` for `90s`: one number and one unit."""
    return int(duration[:-1]) * _UNITS_S[duration[-1]]
