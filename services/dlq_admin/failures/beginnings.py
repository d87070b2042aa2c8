"""Beginnings: what may be the cause of failures that began at the same moment. Pure.

A breaker opens after the first failures, and a fault comes before them: a beginning is counted if it was at most half a
minute before the episode or ten seconds after its first answer.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from holdfast.shared.http.failures.published import Reported

_BEFORE_S, _AFTER_S = 30.0, 10.0
_SHOWN = 5


Kind = Literal["breaker", "override", "fault", "start", "build", "alert"]


class Beginning(NamedTuple):
    """Something that began at `at_s`, Unix seconds."""

    kind: Kind
    what: str
    at_s: float


def near(began_s: float, beginnings: Iterable[Beginning]) -> list[Beginning]:
    """Those at the moment at which an episode began, in order."""
    found = {each for each in beginnings if -_AFTER_S <= began_s - each.at_s <= _BEFORE_S}
    return sorted(found, key=lambda each: each.at_s)[:_SHOWN]


def of_breakers(breakers: Iterable[Mapping[str, Any]]) -> list[Beginning]:
    """From the fleet's reports: breakers that opened, and what operators did to them."""
    found = []
    for one in breakers:
        for change in one.get("transitions") or ():
            try:
                name, at_s = f"{one['service']} {one['name']}", unix(str(change["at"]))
                if change.get("actor"):
                    found.append(Beginning("override", f"{name}: {change['why']} by {change['actor']}", at_s))
                elif (change["origin"], change["to"]) == ("closed", "open"):
                    found.append(Beginning("breaker", f"{name} opened", at_s))
            except (KeyError, TypeError, ValueError):  # another build's report
                continue
    return found


def unix(moment: str) -> float:
    """Seconds, of a time in UTC. Raises ValueError."""
    at = datetime.fromisoformat(moment)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def of_replicas(reports: Iterable[Reported]) -> list[Beginning]:
    """Starts of processes. The first one that runs a build brought that build."""
    by_start = sorted(reports, key=lambda each: each.started_s)
    seen = {by_start[0].build} if by_start else set[str]()
    found = []
    for each in by_start:
        new = each.build not in seen
        seen.add(each.build)
        what = f"{each.service} {each.instance} started" + (f" with build {each.build}" if new else "")
        found.append(Beginning("build" if new else "start", what, each.started_s))
    return found
