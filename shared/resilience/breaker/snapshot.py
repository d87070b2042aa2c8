"""Snapshot: a breaker's state for status pages, listeners and logs. Plain data, times in UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The state of a breaker; the names are the `circuitbreaker` package's."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Why(StrEnum):
    """The reason of a transition."""

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
    """An operator's override, for a time."""

    #: No call passes; afterwards the dependency is probed.
    FORCE_OPEN = "force_open"
    #: Every call passes and is counted; afterwards the counts decide.
    FORCE_CLOSED = "force_closed"
    #: The breaker goes on deciding, but its refusals are not enforced.
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
    """The window's counts, and the numbers of calls in a row that were UNREACHABLE, and that failed."""

    calls: int
    failures: int
    slow: int
    unreachable_in_a_row: int
    failures_in_a_row: int


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state; from a state to itself if only an override began or ended."""

    at: datetime
    origin: State
    to: State
    why: Why
    #: As they were before.
    counts: Counts
    generation: int
    #: None: the breaker itself.
    actor: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A breaker at one moment."""

    name: str
    #: With OBSERVE_ONLY: the state that would be enforced otherwise.
    state: State
    since: datetime
    #: Changes with every transition and every probe; outcomes of an older one are ignored.
    generation: int
    counts: Counts
    #: What opened it, whatever probes failed since, and even if it has closed since.
    opened: Transition | None
    #: When the next call may pass as a probe; None when closed.
    next_probe_at: datetime | None
    #: The share of calls that pass; below 1 during the ramp after closing.
    admitted_share: float
    #: Until when the dependency has asked for no calls.
    not_before: datetime | None
    imposed: Imposed | None
    #: Newest last.
    transitions: tuple[Transition, ...]
    #: Outcomes of earlier generations, and probes without an outcome.
    late_outcomes: int
    leaked_probes: int
