"""Faults: what can be broken, as data. Each stack knows how to do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: What can be broken, whatever the stack calls it.
Program = Literal["database", "queue", "cache", "third_party", "api", "writer", "external_proxy", "dlq_admin"]

#: The stores of which a highly available stack has several nodes.
Store = Literal["database", "queue"]


@dataclass(frozen=True)
class Stop:
    """Stopped in good order; it stays away until the fault ends."""

    program: Program


@dataclass(frozen=True)
class Kill:
    """kill -9; it stays away until the fault ends. `only`: one process of it, by its name."""

    program: Program
    only: str = ""


@dataclass(frozen=True)
class Freeze:
    """It keeps its connections and does nothing any more. `only`: one process of it, by its name."""

    program: Program
    only: str = ""


@dataclass(frozen=True)
class Network:
    """Connections to it, existing ones too, have these faults (deploy/faults): those of `of` only, or everyone's."""

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
    """These get so many cores together, and share them with a burner that takes all it can get."""

    programs: Sequence[Program]
    cores: float


@dataclass(frozen=True)
class KillPrimary:
    """kill -9 of the node that is written to; it stays away until the fault ends, and the others take its place."""

    store: Store


@dataclass(frozen=True)
class CutOff:
    """The queue's primary reaches its clients, and neither its replicas nor the Sentinels; nor they it."""


Fault = Stop | Kill | Freeze | Network | Behave | Fill | Starve | Throttle | KillPrimary | CutOff
