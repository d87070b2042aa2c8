"""Faults: everything that can be broken, as data. Each stack implements it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

#: The parts that can be broken, by the same names in every stack.
Program = Literal["database", "queue", "cache", "third_party", "api", "writer", "external_proxy", "dlq_admin"]

#: The stores that have several nodes in a highly available stack.
Store = Literal["database", "queue"]


@dataclass(frozen=True)
class Stop:
    """Stops the program in good order. It stays down until the fault ends."""

    program: Program


@dataclass(frozen=True)
class Kill:
    """Kills the program with kill -9. It stays down until the fault ends. `only`: the name of one of its processes."""

    program: Program
    only: str = ""


@dataclass(frozen=True)
class Freeze:
    """Freezes the program: it keeps its connections and does nothing. `only`: the name of one of its processes."""

    program: Program
    only: str = ""


@dataclass(frozen=True)
class Network:
    """Applies these faults (deploy/faults) to connections to the program, existing ones included. `of`: only the
    connections of this program."""

    program: Program
    faults: Mapping[str, Any]
    of: Program | None = None


@dataclass(frozen=True)
class Behave:
    """Makes the stand-in third party behave like this (deploy/third_party)."""

    behaviour: Mapping[str, Any]


@dataclass(frozen=True)
class Fill:
    """Fills this Redis with filler keys up to its maxmemory."""

    program: Program


@dataclass(frozen=True)
class Starve:
    """Puts one process of the program under a memory limit together with a hog. The kernel kills the process when both
    exceed it."""

    program: Program


@dataclass(frozen=True)
class Throttle:
    """Limits these programs together to so many cores, which they share with a process that takes all it can get."""

    programs: Sequence[Program]
    cores: float


@dataclass(frozen=True)
class KillPrimary:
    """Kills the primary with kill -9. It stays down until the fault ends, and another node takes its place."""

    store: Store


@dataclass(frozen=True)
class CutOff:
    """Cuts the queue's primary off from its replicas and the Sentinels, in both directions. Clients still reach it."""


Fault = Stop | Kill | Freeze | Network | Behave | Fill | Starve | Throttle | KillPrimary | CutOff
