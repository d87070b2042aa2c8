"""Documents: parses untrusted JSON within a budget of bytes, depth, values and time. Pure except for the clock.

A document that was parsed here can be walked, copied, compared and written in bounded time and memory, without reaching
a limit of the parser, the writer or Python.
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
#: The number of values between two readings of the clock.
_LOOK_EVERY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The limits of one document. orjson writes up to a depth of 254, and answers add a few levels."""

    depth: int = 100
    #: The number of objects, lists, their members, and scalars.
    values: int = 100_000
    #: The total length of all names and strings, in characters.
    bytes: int = 4 * 2**20


DEFAULT_BUDGET = Budget()


def parse(raw: bytes | str, budget: Budget = DEFAULT_BUDGET) -> Any:
    """Return the parsed document. Raises DocumentTooLarge, or ValueError if `raw` is not JSON."""
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
    """Parse a document that a client sends for us to act on. Raises MalformedJson if an object has a name twice,
    otherwise like `parse`."""
    document = parse(raw, budget)
    refuse_repeated_names(raw)
    return document


def refuse_repeated_names(raw: bytes | str) -> None:
    """Raise MalformedJson if an object has a name twice. `raw` is JSON that has been parsed before.

    Our parser takes the last value of a repeated name, and a proxy in front of us may have taken the first.
    """
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
    """Return whether counting characters already shows that the document is within the budget. Most documents are
    small, and are not walked."""
    if isinstance(raw, str):
        brackets, commas = raw.count("[") + raw.count("{"), raw.count(",")
    else:
        brackets, commas = raw.count(b"[") + raw.count(b"{"), raw.count(b",")
    return brackets < budget.depth and brackets + commas < budget.values


def malformed(raw: bytes) -> AppError:
    """Return the error for a body that another parser refused as JSON: over budget, or malformed."""
    try:
        parse(raw)
    except DocumentTooLarge as error:
        return error
    except orjson.JSONDecodeError as error:
        return not_json(error)
    return MalformedJson()


def not_json(error: orjson.JSONDecodeError) -> MalformedJson:
    """Return the error for a request body that is not JSON, with the reason and the place."""
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
    """Return the size of a document. Raises DocumentTooLarge as soon as a limit is exceeded."""
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
    """The budget of one request for all of its documents: the values that are walked, copied or compared, and the time.

    work = WorkBudget()
    work.spend(measure(document).values)     # raises OverBudget
    """

    def __init__(self, values: int = 10_000_000, seconds: float = 25.0) -> None:
        self._values = self._left = values
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._look_at = values

    def spend(self, values: int) -> None:
        """Spend this many values. Raises OverBudget if the values or the time are used up."""
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
    """Return the depth of brackets outside strings, in text that may not be JSON."""
    depth = deepest = 0
    for match in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if match[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
