"""Limits: the numbers that a run is held to. They depend on how the run is set up."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one run. `unique`: the unique field of each resource."""

    unique: Mapping[str, str] = field(default_factory=lambda: {"users": "email"})
    #: From sending a request to its end.
    answer_s: float = 30.0
    #: By how much an answer may miss the time that its request gave.
    late_s: float = 1.0
    #: The same as `answer_s`, for requests to the third party.
    external_s: float = 30.0
    #: From the mending of the last fault until no work is left.
    recovery_s: float = 240.0
    #: Share of requests that have to succeed while one dependency is down, once that has been detected.
    available_share: float = 0.5
    #: Greatest age of a copy that may be served.
    stale_max_s: float = 3600.0
    #: Greatest difference between two processes' clocks, with the rounding of an age to whole seconds.
    clock_s: float = 1.5
    #: Retries to the third party: a share of the requests, and a fixed number on top.
    retry_share: float = 0.1
    retry_burst: int = 20
    #: Partitions of the queue. Each has a clock of its own, which may be moved forward by hand.
    partitions: int = 1
    #: Heartbeats that were queued when the queue lost data. Heartbeats are the services' own writes.
    heartbeats: int = 0
    #: Kills of writers with the same entry in hand from which on the entry may die without being poison.
    deadly_kills: int = 3
