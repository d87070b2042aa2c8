"""Experiment: what is broken, what is believed to happen then, and how one would see it, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from deploy.announce import Target
from deploy.client.outcome import Outcome
from deploy.client.plan import Kind
from deploy.stacks.faults import Fault, Program, Store

#: What clients ask for. `writes` are new users and changes of users.
Asks = Literal["reads", "writes", "external"]
OF_ASKS: Mapping[Asks, Sequence[Kind]] = {
    "reads": (Kind.READS, Kind.LISTS),
    "writes": (Kind.WRITES, Kind.UPDATES),
    "external": (Kind.EXTERNAL,),
}

GOOD, DEGRADED, REJECTED = Outcome.GOOD, Outcome.DEGRADED, Outcome.REJECTED
#: The outcomes of an honest response. An indeterminate one is: it says that the write may have happened, so that its
#: client sends it again with the same key.
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
    """Of these requests at least such a share, 0 to 1, has one of these outcomes."""

    asks: Asks | Literal["all"]
    outcomes: Sequence[Outcome]
    at_least: float = 1.0


@dataclass(frozen=True)
class Within:
    """Every request of this kind is answered in so many seconds, counted from its intended start."""

    asks: Asks | Literal["all"]
    seconds: float


Belief = Expect | Within


# --- what must have been seen, or the run has shown nothing --------------------------------------------------------


@dataclass(frozen=True)
class BreakerOpened:
    """A breaker of this service was open; `dependency`: how its name begins or ends."""

    service: str
    dependency: str


@dataclass(frozen=True)
class Saw:
    """A client got such a response during the fault; `code`: with this error code."""

    asks: Asks
    outcome: Outcome
    code: str | None = None


@dataclass(frozen=True)
class Waited:
    """An accepted write was applied so many seconds after it was accepted, or later."""

    seconds: float


@dataclass(frozen=True)
class Slower:
    """The upper quartile of the latency grew so many times."""

    times: float


@dataclass(frozen=True)
class Restarted:
    """A process of it is not the one that ran before."""

    program: Program


@dataclass(frozen=True)
class Moved:
    """Another node of it is written to than before."""

    store: Store


Sighting = BreakerOpened | Saw | Waited | Slower | Restarted | Moved


#: Before and after: as usual.
STEADY: tuple[Belief, ...] = (Expect("all", (GOOD,), 0.99), Within("all", 2.0))
#: While anything is broken. The api's own deadline is 5 s; the rest is the way there and back.
ALWAYS: tuple[Belief, ...] = (Within("all", 6.0),)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """`make chaos-<name>`."""

    name: str
    #: In a few words, for tables.
    breaks: str
    #: In plain words: what is believed.
    hypothesis: str
    #: What dashboards say is broken.
    target: Target
    stages: Sequence[Stage]
    during: Sequence[Belief]
    must_see: Sequence[Sighting]
    duration_s: float = 20.0
    #: How long clients may wait for good responses again, once the fault is gone.
    steady_within_s: float = 45.0
    steady: Sequence[Belief] = field(default=STEADY)
    #: For a stack with several nodes of each store.
    of_nodes: bool = False
