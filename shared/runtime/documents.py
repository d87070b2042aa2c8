"""Documents: JSON that other people wrote, within a budget of bytes, depth, values and time. Pure but for the clock.

What is read here can be walked, copied, compared and written by everybody else without running into a limit of the
parser, of the writer or of Python, and in a time and a memory that are known.
"""

import re
import time
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from holdfast.shared.errors import AppError, DocumentTooLarge, MalformedJson, OverBudget

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\Z)', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
#: The clock is looked at each time so many values were worked on.
_LOOK_EVERY = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Of one document. The writer gives up at a depth of 254, and answers put a few levels around what they hold."""

    depth: int = 100
    #: Objects, lists, their members, and scalars.
    values: int = 100_000
    #: Of all names and texts together, in characters.
    bytes: int = 4 * 2**20


DEFAULT_BUDGET = Budget()


def parse(raw: bytes | str, budget: Budget = DEFAULT_BUDGET) -> Any:
    """The document. Raises DocumentTooLarge; ValueError for what is no JSON."""
    if len(raw) > budget.bytes:
        over("bytes", budget.bytes)
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError:
        if _depth(raw.encode("utf-8", "replace") if isinstance(raw, str) else raw) > budget.depth:
            over("depth", budget.depth)
        raise
    measure(document, budget)
    return document


def malformed(raw: bytes) -> AppError:
    """Why another parser did not take it as JSON: our budget, or what it is."""
    try:
        parse(raw)
    except DocumentTooLarge as error:
        return error
    except ValueError:
        pass
    return MalformedJson()


@dataclass(frozen=True, slots=True)
class Size:
    """Of a document."""

    depth: int
    values: int
    bytes: int


def measure(document: Any, budget: Budget = DEFAULT_BUDGET) -> Size:
    """How large it is. Raises DocumentTooLarge as soon as it is too large."""
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
    """What one request may do to documents altogether, however many there are: values that are walked, copied or
    compared, and time."""

    def __init__(self, values: int = 10_000_000, seconds: float = 25.0) -> None:
        self._values = self._left = values
        self._seconds = seconds
        self._until = time.monotonic() + seconds
        self._look_at = values

    def spend(self, values: int) -> None:
        """Raises OverBudget."""
        self._left -= values
        if self._left < 0:
            raise OverBudget(details=_told("work", self._values))
        if self._left <= self._look_at:
            self._look_at = self._left - _LOOK_EVERY
            if time.monotonic() > self._until:
                raise OverBudget(details=_told("seconds", self._seconds))


def over(name: str, most: float) -> NoReturn:
    """Say which budget of a document was not enough."""
    raise DocumentTooLarge(f"A document is too large: more than {most} {name}.", details=_told(name, most))


def _told(name: str, most: float) -> dict[str, Any]:
    return {"budget": name, "most": most}


def _depth(raw: bytes) -> int:
    """Of brackets outside of strings, in what need not be JSON."""
    depth = deepest = 0
    for match in _BRACKET.finditer(_STRING.sub(b"", raw)):
        depth += 1 if match[0] in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
