"""Experiment: what is broken, what is believed to happen then, and how one would see it, as data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.announce import Target

#: What an experiment breaks, whatever the stack calls it.
Program = Literal["database", "queue", "cache", "third_party", "api", "writer", "external_proxy", "dlq_admin"]
#: What the client asks for.
Kind = Literal["reads", "writes", "external"]
Outcome = Literal["good", "degraded", "rejected", "failed", "unanswered"]

#: Every way in which a request may be answered honestly.
HONEST: tuple[Outcome, ...] = ("good", "degraded", "rejected")


# --- what is done -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kill:
    """kill -9; it stays away for the stage."""

    program: Program


@dataclass(frozen=True)
class Freeze:
    """It keeps its connections and does nothing any more."""

    program: Program


@dataclass(frozen=True)
class Network:
    """The connections to it, living ones too, have these faults (deploy/faults); those of `of` only, or everybody's."""

    program: Program
    faults: Mapping[str, Any]
    of: Program | None = None


@dataclass(frozen=True)
class Behave:
    """The stand-in third party behaves like this (deploy/third_party)."""

    behaviour: Mapping[str, Any]


@dataclass(frozen=True)
class Fill:
    """Filler keys until this Redis is at its maxmemory."""

    program: Program


@dataclass(frozen=True)
class Starve:
    """One process of it shares a memory limit with a hog: the kernel kills it when both are over the limit."""

    program: Program


@dataclass(frozen=True)
class Throttle:
    """These get so many cores together, and share them with a burner that wants all it can get."""

    programs: Sequence[Program]
    cores: float


Fault = Kill | Freeze | Network | Behave | Fill | Starve | Throttle


@dataclass(frozen=True)
class Stage:
    """Faults that are there together, for a share of the experiment's duration."""

    what: str
    faults: Sequence[Fault]
    share: float = 1.0


# --- what is believed ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Expect:
    """Of these requests at least such a share, 0 to 1, has one of these outcomes."""

    kind: Kind | Literal["all"]
    outcomes: Sequence[Outcome]
    at_least: float = 1.0


@dataclass(frozen=True)
class Within:
    """Every request of this kind is answered in so many seconds, counted from when it was meant to leave."""

    kind: Kind | Literal["all"]
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
    """A client got such an answer during the fault; `code`: with this error code."""

    kind: Kind
    outcome: Outcome
    code: str | None = None


@dataclass(frozen=True)
class Waited:
    """An accepted write was applied so many seconds after it was accepted, or later."""

    seconds: float


@dataclass(frozen=True)
class Slower:
    """The median of the clients' waits grew so many times."""

    times: float


@dataclass(frozen=True)
class Restarted:
    """A process of it is another one than before."""

    program: Program


Sighting = BreakerOpened | Saw | Waited | Slower | Restarted


#: Before and after: as on any day.
STEADY: tuple[Belief, ...] = (Expect("all", ("good",), 0.99), Within("all", 2.0))
#: While anything is broken. The api's own deadline is 5 s; the rest is the client's way there and back.
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
    #: How long clients may wait for good answers again, once the fault is gone.
    steady_within_s: float = 45.0
    steady: Sequence[Belief] = field(default=STEADY)
