"""Expect: compares a response with expectations. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.client.request import JsonResponse

Plain = str | int | float | bool | None


class Missing:
    """The type of `MISSING`, which stands for an absent value."""

    def __repr__(self) -> str:
        return "missing"


MISSING = Missing()


@dataclass(frozen=True)
class Matcher:
    """An expectation that is more than one plain value. `text`: its description in reports."""

    text: str
    kind: str
    values: tuple[Any, ...] = ()

    def met_by(self, seen: object) -> bool:
        """Return whether `seen` meets the expectation."""
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

PRESENT = Matcher("is present", "present")
ABSENT = Matcher("is absent", "absent")


def one_of(*values: Plain) -> Matcher:
    """Expect any of these values."""
    return Matcher("is " + " or ".join(json.dumps(value) for value in values), "one_of", values)


def at_most(number: float) -> Matcher:
    """Expect a number that is not greater."""
    return Matcher(f"is at most {number:g}", "at_most", (number,))


def at_least(number: float) -> Matcher:
    """Expect a number that is not smaller. The value of a header counts as a number."""
    return Matcher(f"is at least {number:g}", "at_least", (number,))


def holding(text: str) -> Matcher:
    """Expect a value that contains this."""
    return Matcher(f"contains {text!r}", "holding", (text,))


@dataclass(frozen=True)
class Check:
    """One expectation, and what was seen."""

    what: str
    wanted: str
    seen: str
    ok: bool


def checks(response: JsonResponse, expect: Mapping[str, Expected]) -> Iterator[Check]:
    """Check each of `expect`."""
    for where, expected in expect.items():
        seen = look(response, where)
        if isinstance(expected, Matcher):
            ok, text = expected.met_by(seen), expected.text
        else:
            ok, text = seen == expected and type(seen) is type(expected), f"is {json.dumps(expected)}"
        yield Check(where, text, _short(seen), ok)


def look(response: JsonResponse, where: str) -> Any:
    """Return the value at `status`, `seconds`, `header.<name>` or `body.<path>`, or MISSING."""
    kind, _, rest = where.partition(".")
    match kind:
        case "status":
            return response.status
        case "seconds":
            return response.seconds
        case "header":
            return response.headers.get(rest.lower(), MISSING)
        case "body":
            return at(response.body, rest)
        case _:
            raise ValueError(f"a response has no {where}")


_SELECTED = re.compile(r"^(?P<name>\w+)\[(?P<key>\w+)=(?P<value>\w+)\]$")


def at(body: Any, path: str) -> Any:
    """Return the value at a path: `data.id`; `data.#` is a length; `data.breakers[name=database].state` picks the first
    matching item."""
    value = body
    for part in path.split("."):
        if part == "#":
            value = len(value) if isinstance(value, list) else MISSING
        elif selected := _SELECTED.match(part):
            items = value.get(selected["name"], []) if isinstance(value, dict) else []
            matching = (one for one in items if isinstance(one, dict) and one.get(selected["key"]) == selected["value"])
            value = next(matching, MISSING)
        else:
            value = value.get(part, MISSING) if isinstance(value, dict) else MISSING
    return value


def _short(seen: object) -> str:
    if seen is MISSING:
        return "nothing"
    text = json.dumps(round(seen, 3) if isinstance(seen, float) else seen, default=str)
    return text if len(text) <= 100 else text[:97] + "..."
