"""Time budgets: the time limits that depend on one another, and the check that their relations hold.

A time constant that only one module uses stays there, with a private name. A constant that several modules use, or that
has to be below or above another, is here. Limits that an operator may change are settings; their relations are the
`budgets()` of each service's settings. Both are checked before a service starts.
"""

from collections.abc import Iterable
from typing import NamedTuple

# --- requests ---
#: The range of `X-Request-Timeout-Ms`. The api does not ask external_proxy for more either.
REQUEST_TIMEOUT_MIN_S, REQUEST_TIMEOUT_MAX_S = 0.05, 30.0
#: Subtracted from a caller's time, so that an answer from a copy is sent in time.
ANSWER_RESERVE_S = 0.05
#: The most that external_proxy's configuration may allow for all attempts of a call, and for its whole answer.
THIRD_PARTY_MAX_S, PROXY_TIMEOUT_S = 30.0, 31.0
#: How long the third party's last good answer is kept, which is also the maximum age of a copy that is served.
EXTERNAL_COPY_KEPT_S = 86_400.0

# --- reads that are asked together ---
#: A call that takes longer than this no longer delays the next one.
BATCH_LATE_S = 0.01

# --- rate limits ---
#: The limit of one round trip to the common count, and the life of a lease. A lease must outlive the round trip.
RATE_LIMIT_TIMEOUT_S, RATE_LEASE_S = 0.05, 1.0

# --- breakers ---
#: `open_max_s` for our own stores. After this time calls become probes, in case the prober does not run.
STORE_OPEN_MAX_S = 15.0
#: The longest pause between two probes of a dependency that does not answer (the shortest is half of it). Then the
#: first and the longest pause for a dependency that answers with refusals.
PROBE_EVERY_S, PROBE_REFUSED_EVERY_S, PROBE_REFUSED_MAX_S = 0.5, 1.0, 10.0
#: The duration of an operator's override by default, and at most.
OVERRIDE_S, OVERRIDE_MAX_S = 900.0, 86_400.0

# --- the fleet ---
#: The interval of a replica's reports of its breakers, the ages at which a replica counts as stale and as gone, and the
#: age at which the whole board expires.
REPORT_EVERY_S, REPORT_STALE_S, REPORT_GONE_S, BOARD_KEPT_S = 1.0, 3.0, 10.0, 60

# --- writers ---
#: The interval of writers' reports of their halts, the age at which a writer counts as gone, and the age at which all
#: halts expire. Then the interval and that age for reports of writers' presence.
HALT_EVERY_S, HALT_GONE_S, HALTS_KEPT_S = 1.0, 10.0, 60
PRESENCE_EVERY_S, PRESENCE_GONE_S = 5.0, 20.0
#: A reader that has received nothing from Redis for this long, not even the end of a block, is restarted.
READER_SILENCE_MAX_S = 6.0

# --- failures that clients got ---
#: The pause that ends an episode, and how long a group is kept after its last answer.
EPISODE_GAP_S, FAILURES_KEPT_S = 300.0, 7200

# --- announced faults ---
FAULT_MAX_S, FAULTS_KEPT_S = 600.0, 86_400
#: The interval at which Prometheus scrapes metrics.
SCRAPE_EVERY_S = 5

WRONG_WAY_ROUND = "time limits are the wrong way round"


class Part(NamedTuple):
    """A limit by its name, and how many times it may be used up in a row."""

    name: str
    seconds: float
    times: int = 1

    def __str__(self) -> str:
        once = f"{self.name} ({self.seconds:g} s)"
        return once if self.times == 1 else f"{self.times} x {once}"


class Budget(NamedTuple):
    """A limit, `outer`, and the limits whose worst cases in a row have to end before it."""

    what: str
    outer: Part
    inner: tuple[Part, ...]

    @property
    def worst_s(self) -> float:
        """The sum of the inner limits."""
        return sum(part.seconds * part.times for part in self.inner)

    @property
    def kept(self) -> bool:
        """Whether the inner limits end before the outer one."""
        return self.worst_s < self.outer.seconds

    def __str__(self) -> str:
        sign = "<" if self.kept else "is not below"
        return f"{self.what}: {' + '.join(map(str, self.inner))} = {self.worst_s:g} s {sign} {self.outer}"


#: The relations between the constants above, by the constants' names.
FIXED = (
    Budget("a call of the third party", Part("PROXY_TIMEOUT_S", PROXY_TIMEOUT_S),
           (Part("THIRD_PARTY_MAX_S", THIRD_PARTY_MAX_S),)),
    Budget("a caller's time", Part("REQUEST_TIMEOUT_MAX_S", REQUEST_TIMEOUT_MAX_S),
           (Part("REQUEST_TIMEOUT_MIN_S", REQUEST_TIMEOUT_MIN_S), Part("ANSWER_RESERVE_S", ANSWER_RESERVE_S))),
    Budget("a lease of requests", Part("RATE_LEASE_S", RATE_LEASE_S),
           (Part("RATE_LIMIT_TIMEOUT_S", RATE_LIMIT_TIMEOUT_S, 2),)),
    Budget("a probe of what is down", Part("PROBE_REFUSED_EVERY_S", PROBE_REFUSED_EVERY_S),
           (Part("PROBE_EVERY_S", PROBE_EVERY_S),)),
    Budget("a probe of what refuses", Part("PROBE_REFUSED_MAX_S", PROBE_REFUSED_MAX_S),
           (Part("PROBE_REFUSED_EVERY_S", PROBE_REFUSED_EVERY_S),)),
    Budget("an override", Part("OVERRIDE_MAX_S", OVERRIDE_MAX_S), (Part("OVERRIDE_S", OVERRIDE_S),)),
    Budget("a missed report", Part("REPORT_STALE_S", REPORT_STALE_S), (Part("REPORT_EVERY_S", REPORT_EVERY_S, 2),)),
    Budget("a silent replica", Part("REPORT_GONE_S", REPORT_GONE_S), (Part("REPORT_STALE_S", REPORT_STALE_S),)),
    Budget("a board", Part("BOARD_KEPT_S", BOARD_KEPT_S), (Part("REPORT_GONE_S", REPORT_GONE_S),)),
    Budget("a halted writer", Part("HALT_GONE_S", HALT_GONE_S), (Part("HALT_EVERY_S", HALT_EVERY_S, 2),)),
    Budget("the halts", Part("HALTS_KEPT_S", HALTS_KEPT_S), (Part("HALT_GONE_S", HALT_GONE_S),)),
    Budget("a present writer", Part("PRESENCE_GONE_S", PRESENCE_GONE_S),
           (Part("PRESENCE_EVERY_S", PRESENCE_EVERY_S, 2),)),
    Budget("announced faults", Part("FAULTS_KEPT_S", FAULTS_KEPT_S), (Part("FAULT_MAX_S", FAULT_MAX_S),)),
)  # fmt: skip


def check(budgets: Iterable[Budget]) -> None:
    """Raise ValueError with every relation that does not hold."""
    if broken := [str(budget) for budget in budgets if not budget.kept]:
        raise ValueError(f"{WRONG_WAY_ROUND}: {'; '.join(broken)}")
