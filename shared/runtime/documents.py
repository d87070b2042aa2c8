"""Documents: untrusted JSON, parsed within a budget of bytes, depth, values and time. Pure except for the clock.

A document that was parsed here can be walked, copied, compared and written without reaching a limit of the parser, the
writer or Python, in bounded time and memory.
"""

import json
import re
import time
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from holdfast.shared.errors import AppError, DocumentTooLarge, MalformedJson, OverBudget

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
#: Values between two readings of the clock.
_LOOK_EVERY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of one document. orjson writes up to a depth of 254, and answers add a few levels."""

    depth: int = 100
    #: Objects, lists, their members, and scalars.
    values: int = 100_000
    #: All names and strings together, in characters.
    bytes: int = 4 * 2**20


DEFAULT_BUDGET = Budget()


def parse(raw: bytes | str, budget: Budget = DEFAULT_BUDGET) -> Any:
    """The document. Raises DocumentTooLarge, or ValueError if it is not JSON."""
    if len(raw) > budget.bytes:
        over("bytes", budget.bytes)
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if _depth(raw.encode("utf-8", "replace") if isinstance(raw, str) else raw) > budget.depth:
            over("depth", budget.depth)
        raise
    if not _surely_within(raw, budget):
        measure(document, budget)
    return document


def parse_sent(raw: bytes | str, budget: Budget = DEFAULT_BUDGET) -> Any:
    """As `parse`, of what somebody sends us to act on. Raises MalformedJson for a name that an object has twice."""
    document = parse(raw, budget)
    refuse_repeated_names(raw)
    return document


def refuse_repeated_names(raw: bytes | str) -> None:
    """Of a name given twice our parser takes the last, and a proxy before us may have taken the first. `raw` is JSON
    that was parsed. Raises MalformedJson."""
    json.loads(raw, object_pairs_hook=_once, parse_int=str, parse_float=str)


def _once(pairs: list[tuple[str, object]]) -> None:
    names = set()
    for name, _ in pairs:
        if name in names:
            raise MalformedJson(
                "An object of the request body has a name twice.",
                details={"field": name, "value": None, "constraint": "must not be given twice"},
            )
        names.add(name)


def _surely_within(raw: bytes | str, budget: Budget) -> bool:
    """Whether counting characters shows that it is within the budget: most documents are small, and need no walk."""
    if isinstance(raw, str):
        brackets, commas = raw.count("[") + raw.count("{"), raw.count(",")
    else:
        brackets, commas = raw.count(b"[") + raw.count(b"{"), raw.count(b",")
    return brackets < budget.depth and brackets + commas < budget.values


def malformed(raw: bytes) -> AppError:
    """The error for a body that another parser refused as JSON: over budget, or malformed."""
    try:
        parse(raw)
    except DocumentTooLarge as error:
        return error
    except orjson.JSONDecodeError as error:
        return not_json(error)
    return MalformedJson()


def not_json(error: orjson.JSONDecodeError) -> MalformedJson:
    """The error for a request body that is not JSON: what is wrong, and where."""
    return MalformedJson(
        f"The request body is not valid JSON: {error.msg}, in line {error.lineno}, column {error.colno}."
    )


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a document."""

    depth: int
    values: int
    bytes: int


def measure(document: Any, budget: Budget = DEFAULT_BUDGET) -> Size:
    """The size of a document. Raises DocumentTooLarge as soon as a limit is passed."""
    depth = values = size = 0
    level: list[Any] = [document]
    while level:
        depth += 1
        below: list[Any] = []
        for value in level:
            values += 1
            if isinstance(value, dict):
                size += sum(map(len, value))
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, str):
                size += len(value)
            if size > budget.bytes:
                over("bytes", budget.bytes)
        if depth > budget.depth:
            over("depth", budget.depth)
        if values + len(below) > budget.values:
            over("values", budget.values)
        level = below
    return Size(depth, values, size)


class WorkBudget:
    """The budget of one request for all of its documents: values that are walked, copied or compared, and time.

    work = WorkBudget()
    work.spend(measure(document).values)     # raises OverBudget
    """

    def __init__(self, values: int = 10_000_000, seconds: float = 25.0) -> None:
        self._values = self._left = values
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._look_at = values

    def spend(self, values: int) -> None:
        """Raises OverBudget."""
        self._left -= values
        if self._left < 0:
            raise OverBudget(details=_details("work", self._values))
        if self._left <= self._look_at:
            self._look_at = self._left - _LOOK_EVERY
            if time.monotonic() > self._until:
                raise OverBudget(details=_details("seconds", self._seconds))


def over(name: str, most: float) -> NoReturn:
    """Raise DocumentTooLarge for this limit."""
    unit = {"depth": "levels"}.get(name, name)
    raise DocumentTooLarge(f"A document is too large: more than {most:,} {unit}.", details=_details(name, most))


def _details(name: str, most: float) -> dict[str, Any]:
    return {"budget": name, "most": most}


def _depth(raw: bytes) -> int:
    """The depth of brackets outside strings, in text that need not be JSON."""
    depth = deepest = 0
    for match in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if match[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
