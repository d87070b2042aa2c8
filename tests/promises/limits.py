"""Limits: the numbers that a run is held to, because they depend on how it is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """`unique`: the unique field of each resource."""

    unique: Mapping[str, str] = field(default_factory=lambda: {"users": "email"})
    #: From sending a request to its end.
    answer_s: float = 30.0
    #: The same of what is asked of the third party.
    external_s: float = 30.0
    #: From the mending of the last fault until nothing is left to do.
    recovery_s: float = 240.0
    #: Of what is asked while one dependency is down, once that was noticed.
    available_share: float = 0.5
    #: A copy is never shown when it is older.
    stale_max_s: float = 3600.0
    #: Clocks of two processes differ by less; an age is rounded to a second.
    clock_s: float = 1.5
    #: Calls to the third party: a share of retries on top of the requests, and a fixed number besides.
    retry_share: float = 0.1
    retry_burst: int = 20
    #: Of the queue. Each has a clock of its own, which somebody may put forward.
    partitions: int = 1
    #: Heartbeats that were queued when the queue was made to forget: writes of the services' own, which no client sent.
    heartbeats: int = 0
    #: Letters of this reason are possible without poison: writers that were killed with the entry in hand.
    deadly_kills: int = 3
