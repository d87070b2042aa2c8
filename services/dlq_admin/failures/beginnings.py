"""Beginnings: what may have caused failures that began at the same moment. Pure.

A fault comes before the first failures, and a breaker opens after them: a beginning counts if it was at most half a
minute before the episode, or at most ten seconds after its first answer. Kinds that can only be a cause count only if
they came before.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import orjson

from holdfast.shared.http.failures.published import Reported

_BEFORE_S, _AFTER_S = 30.0, 10.0
#: Largest difference between the clocks of two machines.
_SKEW_S = 1.0
_SHOWN = 5


Kind = Literal["breaker", "override", "fault", "setting", "start", "build", "alert"]
#: Kinds that count only as a cause: a restart or an alert after the first failure is a consequence.
_CAUSES: frozenset[Kind] = frozenset({"setting", "start", "build", "alert"})


class Beginning(NamedTuple):
    """Something that began at `at_s`, Unix seconds."""

    kind: Kind
    what: str
    at_s: float


def near(began_s: float, beginnings: Iterable[Beginning]) -> list[Beginning]:
    """Return the beginnings around the start of an episode, in order. An event that happened several times, or in
    several replicas, is one beginning, and so are all processes that started then."""
    found = _each_once(sorted({each for each in beginnings if _is_near(began_s, each)}, key=lambda each: each.at_s))
    starts = [each for each in found if each.kind == "start"]
    if len(starts) > 1:
        together = Beginning("start", f"{len(starts)} processes started, {starts[0].what} first", starts[0].at_s)
        found = [together if each is starts[0] else each for each in found if each not in starts[1:]]
    return found[:_SHOWN]


def _each_once(beginnings: list[Beginning]) -> list[Beginning]:
    """Return the first of the beginnings that read the same, with their number."""
    times = Counter((each.kind, each.what) for each in beginnings)
    first = {(each.kind, each.what): each for each in reversed(beginnings)}
    return [
        each._replace(what=f"{each.what}, {times[key]} times" if times[key] > 1 else each.what)
        for key, each in sorted(first.items(), key=lambda item: item[1].at_s)
    ]


def _is_near(began_s: float, one: Beginning) -> bool:
    after_s = _SKEW_S if one.kind in _CAUSES else _AFTER_S
    return -after_s <= began_s - one.at_s <= _BEFORE_S


def of_settings(changes: Iterable[bytes | str]) -> list[Beginning]:
    """Read external_proxy's record of its changes, newest first: what changed, by whom, and when a temporary change
    ended."""
    found = []
    for raw in changes:
        try:
            change = orjson.loads(raw)
            before, after = _flat(change["before"]), _flat(change["after"])
            names = [f"{name} {before.get(name)} to {after[name]}" for name in after if before.get(name) != after[name]]
            what = f"external_proxy: {', '.join(names) or 'the same as before'}, by {change['actor']}"
            found.append(Beginning("setting", what, float(change["at"])))
            if change.get("until"):
                found.append(Beginning("setting", f"{what}, ended", float(change["until"])))
        except (KeyError, TypeError, ValueError, AttributeError):  # another build wrote the record
            continue
    return found


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with nested names written like `breaker.open_s`."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat |= {f"{name}.{inner}": each for inner, each in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def of_breakers(breakers: Iterable[Mapping[str, Any]]) -> list[Beginning]:
    """Read the fleet's reports: which breakers opened, and what operators ordered."""
    found = []
    for one in breakers:
        for change in one.get("transitions") or ():
            try:
                name, at_s = f"{one['service']} {one['name']}", unix(str(change["at"]))
                if change.get("actor"):
                    found.append(Beginning("override", f"{name}: {change['why']} by {change['actor']}", at_s))
                elif (change["origin"], change["to"]) == ("closed", "open"):
                    found.append(Beginning("breaker", f"{name} opened", at_s))
            except (KeyError, TypeError, ValueError):  # another build wrote the report
                continue
    return found


def unix(moment: str) -> float:
    """Return a time as Unix seconds; without a time zone it is UTC. Raises ValueError."""
    at = datetime.fromisoformat(moment)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def of_replicas(reports: Iterable[Reported]) -> list[Beginning]:
    """Return the starts of processes. The first process that runs a build counts as the beginning of that build."""
    by_start = sorted(reports, key=lambda each: each.started_s)
    seen = {by_start[0].build} if by_start else set[str]()
    found = []
    for each in by_start:
        new = each.build not in seen
        seen.add(each.build)
        name = each.service if each.instance == each.service else f"{each.service} {each.instance}"
        what = name + (f" started with build {each.build}" if new else "")
        found.append(Beginning("build" if new else "start", what, each.started_s))
    return found
