"""Snapshot: a breaker's state for status pages, listeners and logs. Plain data; times are in UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The state of a breaker. The names are those of the `circuitbreaker` package."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Why(StrEnum):
    """The reason for a transition."""

    FAILURES_IN_A_ROW = "failures_in_a_row"
    FAILURE_SHARE = "failure_share"
    SLOW_SHARE = "slow_share"
    UNREACHABLE_IN_A_ROW = "unreachable_in_a_row"
    WAITED = "waited"
    PROBE_FAILED = "probe_failed"
    PROBE_SLOW = "probe_slow"
    PROBES_SUCCEEDED = "probes_succeeded"
    FAILS_IN_PART = "fails_in_part"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"
    OBSERVE_ONLY = "observe_only"
    RESET = "reset"
    OVERRIDE_OVER = "override_over"


class Override(StrEnum):
    """An operator's override, limited in time."""

    #: No call passes; afterwards the dependency is probed.
    FORCE_OPEN = "force_open"
    #: Every call passes and is counted; afterwards the counts decide.
    FORCE_CLOSED = "force_closed"
    #: The breaker keeps deciding, but its refusals are not enforced.
    OBSERVE_ONLY = "observe_only"


@dataclass(frozen=True, slots=True)
class Imposed:
    """An override with its actor, reason and period."""

    override: Override
    actor: str
    reason: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """The window's counts, and the numbers of calls in a row that were UNREACHABLE and that failed."""

    calls: int
    failures: int
    slow: int
    unreachable_in_a_row: int
    failures_in_a_row: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state. From a state to itself if only an override began or ended."""

    at: datetime
    origin: State
    to: State
    why: Why
    #: The counts before the transition.
    counts: Counts
    generation: int
    #: None if the breaker itself decided.
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A breaker at one moment."""

    name: str
    #: Under OBSERVE_ONLY: the state that would be enforced otherwise.
    state: State
    since: datetime
    #: Changes with every transition and every probe. Outcomes of an older generation are ignored.
    generation: int
    counts: Counts
    #: The transition that last opened the breaker. Failed probes do not replace it, and it stays after closing.
    opened: Transition | None
    #: When the next call may pass as a probe; None when closed.
    next_probe_at: datetime | None
    #: The share of calls that pass; below 1 during the ramp after closing.
    admitted_share: float
    #: The time until which the dependency has asked for no calls.
    not_before: datetime | None
    imposed: Imposed | None
    #: Newest last.
    transitions: tuple[Transition, ...]
    #: The number of outcomes of earlier generations, and of probes without an outcome.
    late_outcomes: int
    leaked_probes: int
