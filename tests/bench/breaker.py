"""`python -m tests.bench.breaker`: what a closed breaker costs per call, beside the plain package and beside no
breaker.

Contestants take turns within each round. The cost is what a call takes more than the bare `await` of the same round;
the ratio is to the plain package's cost in that round.
"""

import asyncio
import gc
import os
import platform
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from statistics import median

from circuitbreaker import CircuitBreaker, CircuitBreakerError

from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.telemetry import logs
from tests.bench.table import Part, Row, as_text

_ROUNDS = 25
_CALLS = 10_000
_AIM_RATIO, _AIM_NS = 3.0, 3000.0

Call = Callable[[], Awaitable[object]]

_BARE, _PLAIN, _OURS = "no breaker", "circuitbreaker", "ours"
_PLAIN_OPEN, _OURS_OPEN = "circuitbreaker, refused", "ours, refused"


async def _fine() -> int:
    return 1


async def _broken() -> None:
    raise ConnectionError


async def _contestants() -> dict[str, Call]:
    """Return the contestants: the closed ones, then the open ones."""
    plain, ours = CircuitBreaker(name="plain"), Breaker("ours")
    plain_open, ours_open = CircuitBreaker(name="plain-open", recovery_timeout=3600), Breaker("ours-open")
    ours_open.force_open(actor="bench", reason="bench", for_s=3600)
    guarded = plain_open.decorate(_broken)
    for _ in range(5):
        try:
            await guarded()
        except ConnectionError:
            continue
    return {
        _BARE: _fine,
        _PLAIN: plain.decorate(_fine),
        _OURS: lambda: ours.call_async(_fine),
        _PLAIN_OPEN: guarded,
        _OURS_OPEN: lambda: ours_open.call_async(_broken),
    }


async def _ns_per_call(call: Call) -> float:
    began = time.perf_counter_ns()
    for _ in range(_CALLS):
        await call()
    return (time.perf_counter_ns() - began) / _CALLS


async def _ns_per_refusal(call: Call) -> float:
    began = time.perf_counter_ns()
    for _ in range(_CALLS):
        try:
            await call()
        except CircuitBreakerError:
            continue
    return (time.perf_counter_ns() - began) / _CALLS


async def measure() -> dict[str, list[float]]:
    """Return the nanoseconds per call of each contestant, one value per round."""
    contestants = await _contestants()
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(-1, _ROUNDS):  # the first one warms up
        for name, call in contestants.items():
            gc.collect()
            one = await (_ns_per_refusal if name in (_PLAIN_OPEN, _OURS_OPEN) else _ns_per_call)(call)
            if round_ >= 0:
                took[name].append(one)
    return took


def report(took: dict[str, list[float]]) -> str:
    """Return the table and the verdicts."""

    def cost(name: str) -> list[float]:
        return [one - bare for one, bare in zip(took[name], took[_BARE], strict=True)]

    def row(name: str, beside: str) -> Row:
        ratios = [ours / theirs for ours, theirs in zip(cost(name), cost(beside), strict=True)]
        return Row(name, cost(name), "ns", ratios)

    closed = Part(
        "Closed, async success: what it costs more than no breaker; ratio to the package's cost",
        [row(name, _PLAIN) for name in (_PLAIN, _OURS)] + [Row(_BARE, took[_BARE], "ns in all")],
    )
    refused = Part(
        "Open: what a refused call costs more than a bare one",
        [row(name, _PLAIN_OPEN) for name in (_PLAIN_OPEN, _OURS_OPEN)],
    )
    ratio, ns = median(closed.rows[1].ratios), median(cost(_OURS))
    on = f"Python {platform.python_version()}, circuitbreaker {version('circuitbreaker')}, {os.cpu_count()} cores, "
    on += f"load {os.getloadavg()[0]:.1f}, {_ROUNDS} rounds of {_CALLS} calls"
    verdicts = [
        f"closed call, of the package's cost: {ratio:.2f}; aim at most {_AIM_RATIO:.0f}: {_met(ratio <= _AIM_RATIO)}",
        f"closed call, cost: {ns / 1000:.2f} µs; aim at most {_AIM_NS / 1000:.0f} µs: {_met(ns <= _AIM_NS)}",
    ]
    return "\n".join([as_text([closed, refused]), "", *verdicts, on])


def _met(yes: bool) -> str:
    return "met" if yes else "NOT MET"


if __name__ == "__main__":
    logs.configure("bench", "ERROR", "console")
    print(report(asyncio.run(measure())))  # noqa: T201 - it is a report
