"""Expect: what an answer must be like, and whether it is. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Plain = str | int | float | bool | None


class Missing:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


@dataclass(frozen=True)
class Matcher:
    """Something else than one plain value."""

    says: str
    kind: str
    values: tuple[Any, ...] = ()

    def met_by(self, seen: object) -> bool:
        """Whether `seen` is like this."""
        match self.kind:
            case "present":
                return seen is not MISSING
            case "absent":
                return seen is MISSING
            case "one_of":
                return seen in self.values
            case "at_most":
                return isinstance(seen, int | float) and seen <= self.values[0]
            case "at_least":
                return isinstance(seen, int | float | str) and float(seen) >= self.values[0]
            case _:
                return self.values[0] in str(seen)


Expected = Plain | Matcher

PRESENT = Matcher("is there", "present")
ABSENT = Matcher("is not there", "absent")


def one_of(*values: Plain) -> Matcher:
    """Any of these."""
    return Matcher("is " + " or ".join(json.dumps(value) for value in values), "one_of", values)


def at_most(number: float) -> Matcher:
    """A number that is not greater."""
    return Matcher(f"is at most {number:g}", "at_most", (number,))


def at_least(number: float) -> Matcher:
    """A number that is not smaller; a header's value counts as one."""
    return Matcher(f"is at least {number:g}", "at_least", (number,))


def holding(text: str) -> Matcher:
    """Has this in it."""
    return Matcher(f"has {text!r} in it", "holding", (text,))


@dataclass(frozen=True)
class Answer:
    """What came back: a status of 0 is no answer at all, with the reason as the body's `error`."""

    status: int
    headers: Mapping[str, str]
    body: Any
    seconds: float


@dataclass(frozen=True)
class Check:
    """One expectation, and what was seen."""

    what: str
    wanted: str
    seen: str
    ok: bool


def checks(answer: Answer, expect: Mapping[str, Expected]) -> Iterator[Check]:
    """Each of `expect`, looked at."""
    for where, expected in expect.items():
        seen = look(answer, where)
        if isinstance(expected, Matcher):
            ok, says = expected.met_by(seen), expected.says
        else:
            ok, says = seen == expected and type(seen) is type(expected), f"is {json.dumps(expected)}"
        yield Check(where, says, _short(seen), ok)


def look(answer: Answer, where: str) -> Any:
    """The value at `status`, `seconds`, `header.<name>` or `body.<path>`; MISSING when there is none."""
    kind, _, rest = where.partition(".")
    match kind:
        case "status":
            return answer.status
        case "seconds":
            return answer.seconds
        case "header":
            return answer.headers.get(rest.lower(), MISSING)
        case "body":
            return at(answer.body, rest)
        case _:
            raise ValueError(f"nothing is called {where}")


_SELECTED = re.compile(r"^(?P<name>\w+)\[(?P<key>\w+)=(?P<value>\w+)\]$")


def at(body: Any, path: str) -> Any:
    """`data.id`; `data.#` is a length; `data.breakers[name=database].state` picks the first item like this."""
    value = body
    for part in path.split("."):
        if part == "#":
            value = len(value) if isinstance(value, list) else MISSING
        elif selected := _SELECTED.match(part):
            items = value.get(selected["name"], []) if isinstance(value, dict) else []
            alike = (one for one in items if isinstance(one, dict) and one.get(selected["key"]) == selected["value"])
            value = next(alike, MISSING)
        else:
            value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
    return value


def _short(seen: object) -> str:
    if seen is MISSING:
        return "nothing"
    text = json.dumps(round(seen, 3) if isinstance(seen, float) else seen, default=str)
    return text if len(text) <= 100 else text[:97] + "..."
