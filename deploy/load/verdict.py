"""Verdict: a run against its targets: `answered>=99.5,failed<=0.1,p99<=250,recovery.good>=99`.

Shares are in percent, latencies in milliseconds; a name before the dot is a phase, and matches every phase that begins
with it.
"""

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from deploy.client.outcome import Outcome
from deploy.load.summary import trusted

_TARGET = re.compile(r"^(?:(?P<phase>[a-z0-9_-]+)\.)?(?P<name>[a-z0-9_]+)\s*(?P<op><=|>=)\s*(?P<limit>\d+(?:\.\d+)?)$")
_COMPARE: dict[str, Callable[[float, float], bool]] = {"<=": operator.le, ">=": operator.ge}
_LATENCIES = ("p50", "p90", "p95", "p99", "p999", "max")
_SHARES = ("answered", *(outcome.word for outcome in Outcome))
_NAMES = (*_SHARES, *_LATENCIES, *(f"e2e_{name}" for name in _LATENCIES), "per_s", "not_over")


class Word(IntEnum):
    """The result. The number is the exit code."""

    PASSED = 0
    FAILED = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Target:
    """A target: `name` op `limit`, for the whole run or for every phase whose name begins with `phase`."""

    name: str
    op: str
    limit: float
    phase: str = ""

    def __str__(self) -> str:
        return f"{self.phase}{'.' if self.phase else ''}{self.name}{self.op}{self.limit:g}"


@dataclass(frozen=True, slots=True)
class Checked:
    """One target and the measured value, or None if there was none."""

    target: str
    found: float | None
    met: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result, every target, and why the result is unknown if it is."""

    word: Word
    checked: Sequence[Checked]
    reasons: Sequence[str]


def parse(text: str) -> list[Target]:
    """Parse targets. Raises ValueError that says what would be right."""
    targets = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        match = _TARGET.match(part)
        if match is None or match["name"] not in _NAMES:
            raise ValueError(f"TARGETS: {part!r} is not NAME<=NUMBER or NAME>=NUMBER, with NAME of {', '.join(_NAMES)}")
        targets.append(Target(match["name"], match["op"], float(match["limit"]), match["phase"] or ""))
    return targets


def judge(summary: dict[str, Any], targets: Sequence[Target]) -> Verdict:
    """Compare a run with its targets. A run that cannot be trusted is unknown. So is one without a value for a target,
    unless it missed another target."""
    checked = [checked for target in targets for checked in _check(summary, target)]
    reasons = [
        *trusted(summary),
        *(f"{one.target}: there is no value" for one in checked if one.found is None),
    ]
    missed = any(not one.met for one in checked if one.found is not None)
    if trusted(summary) or (reasons and not missed):
        return Verdict(Word.UNKNOWN, checked, reasons)
    return Verdict(Word.FAILED if missed else Word.PASSED, checked, reasons)


def _check(summary: dict[str, Any], target: Target) -> Iterator[Checked]:
    if not target.phase:
        yield _one(str(target), _value(summary["all"], target.name), target)
        return
    phases = {name: part for name, part in summary["phases"].items() if name.startswith(target.phase)}
    if not phases:
        yield Checked(str(target), None, False)
    for name, part in phases.items():
        yield _one(f"{name}.{target.name}{target.op}{target.limit:g}", _value(part, target.name), target)


def _one(what: str, found: float | None, target: Target) -> Checked:
    return Checked(what, found, found is not None and _COMPARE[target.op](found, target.limit))


def _value(part: dict[str, Any], name: str) -> float | None:
    found: float | None
    if name in _SHARES:
        found = part["shares"][name]
    elif name == "per_s":
        found = part["per_s"]
    elif name == "not_over":
        found = part["followed"]["not_over"]
    else:
        latencies = part["end_to_end_ms"] if name.startswith("e2e_") else part["latency_ms"]
        found = latencies and latencies[name.removeprefix("e2e_")]
    return found
