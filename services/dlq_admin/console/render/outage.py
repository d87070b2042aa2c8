"""Outage: what clients notice while a dependency is down, what queues, and what to do. Pure."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from holdfast.services.dlq_admin.away import named
from holdfast.services.dlq_admin.console.render.links import RUNBOOKS
from holdfast.services.dlq_admin.console.render.moments import lasting
from holdfast.services.dlq_admin.overview import SystemState

#: (Service, breaker) -> what clients notice while it is open.
_FELT = {
    ("api", "database"): "Reads are answered from copies, which are marked.",
    ("api", "database_writes"): "Writes that have to go to the database directly are refused.",
    ("api", "queue"): "Writes go to the database directly (201 instead of 202).",
    ("api", "cache"): "Reads are slower, and there are no copies to answer from.",
    ("api", "cache_limits"): "Each replica counts requests by itself: limits of clients are less exact.",
    ("api", "external_proxy"): "The third party's data comes from copies.",
    ("writer", "database"): "Accepted writes (202) are safe in the queue, and not applied until the database is back.",
}
_BOTH = "Writes are refused (503) with the time to retry; reads come from what each replica last knew."
_NO_BOARD = (
    "Unknown: the cache, where breakers are reported, does not answer. Without the cache, reads are slower, and there"
    " are no copies to answer from."
)
_THIRD_PARTY = "The third party's last good answer is served, marked as a copy."
_REFUSES = f"{RUNBOOKS}/HoldfastLoopCrashing"
_OPEN = ("open", "half_open")
#: The api's breaker of one partition, if the queue has several.
_OF_PARTITION = re.compile(r"queue_(\d+)")


class Outage(NamedTuple):
    """What the page says of an outage, in sentences. `do`: sentences, each with an address."""

    felt: Sequence[str]
    queued: str
    do: Sequence[tuple[str, str]]


def outage(state: SystemState) -> Outage | None:
    """Describe the outage. Return None if no dependency is known to be down."""
    open_ = {(one.service, one.name) for one in state.breakers or () if one.state in _OPEN}
    known = None not in (state.letters, state.backlog, state.breakers)
    if known and not open_ and not state.partitions_away:
        return None
    away = _partitions(state, open_)
    if away == []:
        open_.add(("api", "queue"))
    felt = [sentence for breaker, sentence in _FELT.items() if breaker in open_]
    if away:
        felt.append(f"Writes to {named(away)} of the queue go to the database directly.")
    if {("api", "database"), ("api", "queue")} <= open_:
        felt = [_BOTH]
    if any(service == "external_proxy" for service, _ in open_):
        felt.append(_THIRD_PARTY)
    if not felt:
        nothing = "Nothing yet, by the breakers of the apis." if state.breakers else "Unknown: no breaker is reported."
        felt.append(_NO_BOARD if state.breakers is None else nothing)
    refusals = _refusals(state)
    felt += refusals
    do = [("What a breaker is open for, and how to override it", "/console/breakers")]
    if state.breakers is None:
        do = [("Runbook: a store or a replica is down", f"{RUNBOOKS}/HoldfastTargetDown")]
    if open_ or state.letters is None or state.partitions_away:
        do.append(("Runbook: a breaker is open", f"{RUNBOOKS}/HoldfastBreakerOpen"))
    do += [("Runbook: a store refuses: mend what it names", _REFUSES)] if refusals else []
    do += [("Runbook: accepted writes do not take effect", f"{RUNBOOKS}/HoldfastPipelineStale")] if _late(state) else []
    return Outage(felt, _queued(state), do)


def _refusals(state: SystemState) -> list[str]:
    """Return why dependencies that answer refuse to work, once for all replicas of a service."""
    said = {(one.service, one.name, one.refusal) for one in state.breakers or () if one.state in _OPEN and one.refusal}
    return [f"{service} → {name} answers, and refuses: {words}" for service, name, words in sorted(said)]


def _partitions(state: SystemState, open_: set[tuple[str, str]]) -> list[int] | None:
    """Return the numbers of the partitions that are down; an empty list: all are; None: none is."""
    found = {one.name for one in state.breakers or () if one.service == "api" and _OF_PARTITION.fullmatch(one.name)}
    away = found & {name for service, name in open_ if service == "api"}
    if not away:
        return None
    return [] if away == found else sorted(int(name.removeprefix("queue_")) for name in away)


def _late(state: SystemState) -> bool:
    return state.backlog is None or state.backlog.depth > 0


def _queued(state: SystemState) -> str:
    if state.backlog is None:
        return "The queue does not answer; what it holds is on disk."
    there = f" What is in {named(state.partitions_away)} is on disk." if state.partitions_away else ""
    if not state.backlog.depth:
        return f"No write waits in the queue{', as far as it answers' if there else ''}.{there}"
    waits = "write waits" if state.backlog.depth == 1 else "writes wait"
    oldest = lasting(state.backlog.oldest_age_s)
    return f"{state.backlog.depth:,} {waits} in the queue, heartbeats included, the oldest for {oldest}.{there}"
