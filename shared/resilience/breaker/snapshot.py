"""Snapshot: what a breaker tells a status page, its listeners and its logs. Plain data, times in UTC."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """The names are the `circuitbreaker` package's."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Why(StrEnum):
    """What a transition followed from."""

    FAILURE_SHARE = "failure_share"
    SLOW_SHARE = "slow_share"
    UNREACHABLE_IN_A_ROW = "unreachable_in_a_row"
    WAITED = "waited"
    PROBE_FAILED = "probe_failed"
    PROBE_SLOW = "probe_slow"
    PROBES_SUCCEEDED = "probes_succeeded"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"
    OBSERVE_ONLY = "observe_only"
    RESET = "reset"
    OVERRIDE_OVER = "override_over"


class Override(StrEnum):
    """What an operator may impose, for a time."""

    #: Nothing passes; afterwards it has to be probed.
    FORCE_OPEN = "force_open"
    #: Everything passes and is counted; afterwards the counts decide.
    FORCE_CLOSED = "force_closed"
    #: The breaker decides as always, and everything passes all the same.
    OBSERVE_ONLY = "observe_only"


@dataclass(frozen=True, slots=True)
class Imposed:
    """An override, who imposed it and why."""

    override: Override
    actor: str
    reason: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """The window's counts, and how many calls in a row could not reach the dependency."""

    calls: int
    failures: int
    slow: int
    unreachable_in_a_row: int


@dataclass(frozen=True, slots=True)
class Transition:
    """From one state to another; from a state to itself when only an override began or ended."""

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
    #: With OBSERVE_ONLY imposed: what it would be, as nothing is refused.
    state: State
    since: datetime
    #: Changes with every transition and every probe; outcomes of an older one are ignored.
    generation: int
    counts: Counts
    #: Why it opened last, with the counts, also when it has closed since.
    opened: Transition | None
    #: When the next call may be let through as a probe; None when closed.
    next_probe_at: datetime | None
    #: The share of calls let through: below 1 while ramping up after closing.
    admitted_share: float
    #: Until when the dependency has asked to be left alone.
    not_before: datetime | None
    imposed: Imposed | None
    #: Newest last.
    transitions: tuple[Transition, ...]
    #: Outcomes that came after their generation had ended, and probes whose end never came.
    late_outcomes: int
    leaked_probes: int
