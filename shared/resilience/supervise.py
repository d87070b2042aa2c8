"""Supervise: restarts background loops that crash. A crash is logged with its traceback and counted. A failure of the
loop's store is not a crash: it is reported once, and the loop is restarted as well."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Never, NoReturn

from redis.exceptions import RedisError

from holdfast.shared.connections.script import NotSent
from holdfast.shared.errors import DatabaseUnavailable, QueueUnavailable
from holdfast.shared.faults import Outage, Unexplained
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_BASE_S, _CAP_S = 0.5, 30.0
#: Limits the exponent, however often a loop has crashed.
_DOUBLINGS_MAX = 10
#: Maximum pause of a loop whose store is down, so that it continues soon after the store is back.
_AWAY_CAP_S = 1.0
#: A loop that ran this long before it crashed starts again with the shortest pause.
_CALM_S = 60.0
_CANCEL_AGAIN_S = 1.0
_CANCELLED_TIMES = 5
_AWAY = (Outage, Unexplained, DatabaseUnavailable, QueueUnavailable, RedisError, NotSent)
#: A loop that has run this long since its failure is reported as recovered, unless it has reported that itself.
_WELL_S = 15.0

_reporter: ContextVar[FailureReporter] = ContextVar("reporter of the loop that runs here")


def start(loops: Mapping[str, Callable[[], Awaitable[object]]]) -> list[asyncio.Task[Never]]:
    """Start each loop as a supervised task with the loop's name."""
    return [asyncio.create_task(forever(name, loop), name=name) for name, loop in loops.items()]


async def stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel the tasks, and wait until they have ended.

    Python 3.11's `asyncio.wait_for`, in which redis-py sends every command, loses a cancellation that arrives just
    after the command was sent; the task then runs on. So tasks are cancelled again, up to five times. Tasks that still
    run after that are logged and left.
    """
    running = set(tasks)
    for _ in range(_CANCELLED_TIMES):
        if not running:
            return
        for task in running:
            task.cancel()
        _, running = await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)
    if running:
        logs.error(Action.LOOPS_LEFT_RUNNING, tasks=sorted(task.get_name() for task in running))


def iteration_succeeded() -> None:
    """Report that an iteration of the running supervised loop worked. Called by the loop itself."""
    reporter = _reporter.get(None)
    if reporter is not None and reporter.failing:
        reporter.worked()


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def forever(name: str, loop: Callable[[], Awaitable[object]]) -> NoReturn:
    """Run `loop()` without end, and restart it after each crash. Raises CancelledError if this task is cancelled.

    The pause before a restart has full jitter. It grows with each crash until a run has lasted a minute. A cancellation
    that was not requested of this task came from something that the task awaited, and counts as a crash.
    """
    crashes = 0
    crashed = metrics.loop_crashes.labels(name)
    reporter = FailureReporter(name)
    _reporter.set(reporter)
    while True:
        began = time.monotonic()
        well = asyncio.get_running_loop().call_later(_WELL_S, reporter.worked)
        try:
            await loop()
        except (Exception, asyncio.CancelledError) as error:  # whatever the error is, the loop has to go on
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            crashes = 1 if time.monotonic() - began > _CALM_S else crashes + 1
            away = isinstance(error, _AWAY)
            if not away:
                crashed.inc()
                logs.error(Action.LOOP_CRASHED, exc=error, loop=name, crashes=crashes)
            else:
                reporter.failed(error)
            ceiling = min(_AWAY_CAP_S if away else _CAP_S, _BASE_S * 2 ** min(crashes - 1, _DOUBLINGS_MAX))
            well.cancel()
            await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret
