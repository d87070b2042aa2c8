"""Experiment: what is broken, the hypothesis, and how it is observed, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from deploy.announce import Target
from deploy.client.outcome import Outcome
from deploy.client.plan import Kind
from deploy.stacks.faults import Fault, Program, Store

#: The kinds of requests that clients send. `writes` are new users and changes of users.
Asks = Literal["reads", "writes", "external"]
OF_ASKS: Mapping[Asks, Sequence[Kind]] = {
    "reads": (Kind.READS, Kind.LISTS),
    "writes": (Kind.WRITES, Kind.UPDATES),
    "external": (Kind.EXTERNAL,),
}

GOOD, DEGRADED, REJECTED = Outcome.GOOD, Outcome.DEGRADED, Outcome.REJECTED
#: The outcomes of an honest response. An indeterminate one is honest: it says that the write may have happened, and the
#: client retries with the same key.
HONEST = (GOOD, DEGRADED, REJECTED, Outcome.INDETERMINATE)


# --- what is done -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """Faults that are in force together, for a share of the experiment's duration."""

    what: str
    faults: Sequence[Fault]
    share: float = 1.0


# --- what is believed ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expect:
    """Expects that at least this share of these requests, 0 to 1, has one of these outcomes."""

    asks: Asks | Literal["all"]
    outcomes: Sequence[Outcome]
    at_least: float = 1.0


@dataclass(frozen=True)
class Within:
    """Expects that every request of this kind is answered within so many seconds from its intended start."""

    asks: Asks | Literal["all"]
    seconds: float


Belief = Expect | Within


# --- what must have been seen, or the run has shown nothing --------------------------------------------------------


@dataclass(frozen=True)
class BreakerOpened:
    """Expects that a breaker of this service opened. `dependency`: the beginning or the end of its name."""

    service: str
    dependency: str


@dataclass(frozen=True)
class Saw:
    """Expects that a client got such a response during the fault. `code`: the error code."""

    asks: Asks
    outcome: Outcome
    code: str | None = None


@dataclass(frozen=True)
class Waited:
    """Expects that an accepted write was applied no sooner than so many seconds after its acceptance."""

    seconds: float


@dataclass(frozen=True)
class Slower:
    """Expects that the upper quartile of the latency grew by this factor."""

    times: float


@dataclass(frozen=True)
class Restarted:
    """Expects that a process of the program was replaced by another."""

    program: Program


@dataclass(frozen=True)
class Moved:
    """Expects that another node of the store takes writes than before."""

    store: Store


Sighting = BreakerOpened | Saw | Waited | Slower | Restarted | Moved


#: Expectations before and after the fault: everything as usual.
STEADY: tuple[Belief, ...] = (Expect("all", (GOOD,), 0.99), Within("all", 2.0))
#: The longest answer while anything is broken: the api's own deadline of 5 s, and the network.
ALWAYS: tuple[Belief, ...] = (Within("all", 6.0),)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment: `make chaos-<name>`."""

    name: str
    #: The experiment in a few words, for tables.
    breaks: str
    #: The hypothesis in plain words.
    hypothesis: str
    #: The name of the broken part on dashboards.
    target: Target
    stages: Sequence[Stage]
    during: Sequence[Belief]
    must_see: Sequence[Sighting]
    duration_s: float = 20.0
    #: Seconds after the end of the fault within which clients have to get good responses again.
    steady_within_s: float = 45.0
    steady: Sequence[Belief] = field(default=STEADY)
    #: Whether it needs a stack with several nodes of each store.
    of_nodes: bool = False
