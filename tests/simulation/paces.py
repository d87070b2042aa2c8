"""Paces: slows down loops that only poll a variable or publish something: metrics, boards, seals, explanations. No
promise depends on their pace, and they were a third of what ran in a small world. Loops that recover, detect or decide
keep their own pace."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from faststream import FastStream

from holdfast.services.dlq_admin.alerts import alerts
from holdfast.services.dlq_admin.auditor.probe import Probe
from holdfast.services.dlq_admin.console.login import logouts
from holdfast.services.dlq_admin.faults import board as faults
from holdfast.shared.fleet import board as fleet
from holdfast.shared.http.explain import explanations
from holdfast.shared.http.failures import published
from holdfast.shared.telemetry import loop_lag

_POLL_S, _TICKS_PER_S = 1.0, 10
#: Seconds between two updates of what is shown to people, and between looks of the auditor that only lead to metrics
#: and seals.
_SHOWN_S = 5.0
_SHOWN = ("queue", "database", "audit")
_PROBE: Callable[..., None] = Probe.__init__


def substitutes() -> Iterator[tuple[Any, str, Any]]:
    """Yield (target, name, replacement) for each slowed loop."""
    yield uvicorn.Server, "main_loop", _until_exit
    yield FastStream.run, "__defaults__", (logging.INFO, None, _POLL_S)
    yield loop_lag, "_SAMPLE_S", _POLL_S
    yield explanations, "_EVERY_S", _POLL_S
    yield fleet, "REPORT_EVERY_S", _SHOWN_S
    for module in (alerts, faults, logouts, published):
        yield module, "_EVERY_S", _SHOWN_S
    yield Probe, "__init__", _probe


async def _until_exit(server: uvicorn.Server) -> None:
    ticks = 0
    while not await server.on_tick(ticks):
        ticks += _TICKS_PER_S
        await asyncio.sleep(_POLL_S)


def _probe(self: Probe, name: str, look: Any, *, every_s: float, **options: Any) -> None:
    _PROBE(self, name, look, every_s=max(every_s, _SHOWN_S) if name in _SHOWN else every_s, **options)
