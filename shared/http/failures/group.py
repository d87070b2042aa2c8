"""Group: answers of one kind that were not good, counted per minute. Pure: time is an argument.

A group has an episode. It begins with the first of its answers after a pause. Whatever else began at that moment is
where an operator looks first.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Self

from holdfast.shared.http.failures.sketch import merged, with_one
from holdfast.shared.runtime.time_budgets import EPISODE_GAP_S

#: The number of minutes for which a group has counts.
MINUTES = 60
_MINUTE_S = 60.0
_SAMPLES = 5
_TEXT_MAX = 200


class Trouble(StrEnum):
    """The way in which an answer was not good. A closed set."""

    #: An error on our side.
    FAILED = "failed"
    #: Refused on purpose; the client is to send the request again later.
    REFUSED = "refused"
    #: Answered from a copy, or by a path other than the usual one.
    DEGRADED = "degraded"
    #: Good but slow.
    LATE = "late"
    #: An error in the client's request.
    MISTAKE = "mistake"
    #: The client disconnected before the answer.
    ABANDONED = "abandoned"


class Kind(NamedTuple):
    """The common properties of a group's answers. `dependency` is empty if no dependency was the cause."""

    route: str
    method: str
    trouble: Trouble
    type: str
    code: str
    dependency: str
    build: str


@dataclass(slots=True)
class Group:
    """A group's counts. Times are Unix seconds. `retried` counts requests that clients sent again after such an answer;
    `helped` counts those of them that were then answered well."""

    count: int = 0
    first_s: float = 0.0
    last_s: float = 0.0
    #: When the current episode began.
    began_s: float = 0.0
    #: Minute since 1970 -> number of answers.
    minutes: dict[int, int] = field(default_factory=dict)
    clients: list[int] = field(default_factory=list)
    retried: int = 0
    helped: int = 0
    #: Ids of the newest requests, newest last.
    samples: list[str] = field(default_factory=list)

    def add(self, at_s: float, client: int, request_id: str) -> None:
        """Count one more answer."""
        if not self.count:
            self.first_s = self.began_s = at_s
        elif at_s - self.last_s > EPISODE_GAP_S:
            self.began_s = at_s
        self.count += 1
        self.last_s = max(self.last_s, at_s)
        minute = int(at_s // _MINUTE_S)
        self.minutes[minute] = self.minutes.get(minute, 0) + 1
        if len(self.minutes) > MINUTES:
            self.minutes = _recent(self.minutes, minute)
        self.clients = with_one(self.clients, client)
        self.samples = [*self.samples, request_id][-_SAMPLES:]

    def as_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {
            "count": self.count,
            "first_s": self.first_s,
            "last_s": self.last_s,
            "began_s": self.began_s,
            "minutes": [[minute, count] for minute, count in sorted(self.minutes.items())],
            "clients": self.clients,
            "retried": self.retried,
            "helped": self.helped,
            "samples": self.samples,
        }

    @classmethod
    def parse(cls, one: Mapping[str, Any]) -> Self:
        """Parse the result of `as_json`. Raises KeyError, TypeError or ValueError: another build may have written
        it."""
        group = cls(
            count=int(one["count"]),
            first_s=float(one["first_s"]),
            last_s=float(one["last_s"]),
            began_s=float(one["began_s"]),
            minutes={int(minute): int(count) for minute, count in one["minutes"][-MINUTES:]},
            clients=merged([map(int, one["clients"])]),
            retried=int(one["retried"]),
            helped=int(one["helped"]),
            samples=[str(each)[:_TEXT_MAX] for each in one["samples"][-_SAMPLES:]],
        )
        if not (group.count > 0 and 0 <= group.first_s <= group.last_s < float("inf")):
            raise ValueError("its numbers cannot be")
        return group


def together(groups: Iterable[Group]) -> Group:
    """Return the sum of several processes' groups of one kind. At least one group is required."""
    parts = sorted(groups, key=lambda each: each.last_s)
    minutes: dict[int, int] = {}
    for part in parts:
        for minute, count in part.minutes.items():
            minutes[minute] = minutes.get(minute, 0) + count
    newest = parts[-1]
    # The earliest of overlapping episodes began the current one; an episode that ended before is a separate one.
    current = [part.began_s for part in parts if part.last_s > newest.began_s - EPISODE_GAP_S]
    return Group(
        count=sum(part.count for part in parts),
        first_s=min(part.first_s for part in parts),
        last_s=newest.last_s,
        began_s=min(current),
        minutes=_recent(minutes, max(minutes, default=0)),
        clients=merged(part.clients for part in parts),
        retried=sum(part.retried for part in parts),
        helped=sum(part.helped for part in parts),
        samples=[one for part in parts for one in part.samples][-_SAMPLES:],
    )


def kind_of(fields: Iterable[Any]) -> Kind:
    """Parse a kind from its stored form. Raises TypeError or ValueError."""
    route, method, trouble, *rest = (str(each)[:_TEXT_MAX] for each in fields)
    return Kind(route, method, Trouble(trouble), *rest)


def _recent(minutes: Mapping[int, int], newest: int) -> dict[int, int]:
    return {minute: count for minute, count in minutes.items() if minute > newest - MINUTES}
