"""Supervise: a background loop that crashes is logged with its traceback, counted, and started again. One whose store
fails it has not crashed: it says so once, and is started again likewise."""

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
from holdfast.shared.resilience.trying import Trying
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action

_BASE_S, _CAP_S = 0.5, 30.0
#: Of the pause: more would change nothing, and a count that grows for long is too large a number in the end.
_DOUBLINGS_MAX = 10
#: What only waits for a store goes on soon after it is back.
_AWAY_CAP_S = 5.0
_CALM_S = 60.0
_CANCEL_AGAIN_S = 1.0
_CANCELLED_TIMES = 5
_AWAY = (Outage, Unexplained, DatabaseUnavailable, QueueUnavailable, RedisError, NotSent)
#: One that has run for so long since it failed works again, if it says nothing itself.
_WELL_S = 15.0

_trying: ContextVar[Trying] = ContextVar("the loop that runs here")


def start(loops: Mapping[str, Callable[[], Awaitable[object]]]) -> list[asyncio.Task[Never]]:
    """Each of them beside what runs, for ever, under its name."""
    return [asyncio.create_task(forever(name, loop), name=name) for name, loop in loops.items()]


async def stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel them, and wait until they have let go of what they had.

    Python 3.11's `asyncio.wait_for`, which redis-py sends every command in, loses a cancellation that arrives as the
    command has just been sent; the task then runs on. So they are cancelled until they end, or are told of and left.
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


def turned() -> None:
    """For loops: a whole turn was good."""
    trying = _trying.get(None)
    if trying is not None and trying.failing:
        trying.worked()


async def forever(name: str, loop: Callable[[], Awaitable[object]]) -> NoReturn:
    """Run `loop()` for ever, with full jitter between crashes; a minute without one forgives the earlier ones."""
    crashes = 0
    crashed = metrics.loop_crashes.labels(name)
    trying = Trying(name)
    _trying.set(trying)
    while True:
        began = time.monotonic()
        well = asyncio.get_running_loop().call_later(_WELL_S, trying.worked)
        try:
            await loop()
        except Exception as error:  # noqa: BLE001 - whatever it was, the loop has to go on
            crashes = 1 if time.monotonic() - began > _CALM_S else crashes + 1
            away = isinstance(error, _AWAY)
            if not away:
                crashed.inc()
                logs.error(Action.LOOP_CRASHED, exc=error, loop=name, crashes=crashes)
            else:
                trying.failed(error)
            ceiling = min(_AWAY_CAP_S if away else _CAP_S, _BASE_S * 2 ** min(crashes - 1, _DOUBLINGS_MAX))
            well.cancel()
            await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret
