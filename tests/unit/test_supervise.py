"""A loop that crashes, and a loop whose store is away, are logged differently."""

import asyncio
import contextlib
from typing import NoReturn

import pytest
from redis.exceptions import ConnectionError as RedisGone

from holdfast.shared.errors import DatabaseUnavailable
from holdfast.shared.faults import Outage
from holdfast.shared.resilience import supervise
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[Action]:
    """The logged actions."""
    lines: list[Action] = []
    for level in ("warning", "error"):
        monkeypatch.setattr(logs, level, lambda action, **_: lines.append(action))
    monkeypatch.setattr(supervise, "_BASE_S", 0.001)
    return lines


async def _rounds(name: str, error: BaseException, count: int) -> float:
    """Run at least `count` rounds of a loop that ends with `error` each time, and return how many were counted as
    crashes."""
    done = asyncio.Event()
    rounds = 0

    async def loop() -> NoReturn:
        nonlocal rounds
        rounds += 1
        if rounds > count:
            done.set()
        raise error

    task = asyncio.create_task(supervise.forever(name, loop))
    await asyncio.wait_for(done.wait(), 60)
    await supervise.stop([task])
    return float(metrics.loop_crashes.labels(name)._value.get())


async def test_a_bug_is_counted_and_logged_each_time(logged: list[Action]) -> None:
    """A bug in a loop is counted and logged as a crash each time, because a person has to look at its traceback."""
    assert await _rounds("with-a-bug", KeyError("x"), 3) >= 3
    assert set(logged) == {Action.LOOP_CRASHED}


@pytest.mark.parametrize("error", [Outage("away"), DatabaseUnavailable(), RedisGone("away")], ids=type)
async def test_a_store_that_is_away_is_logged_once(logged: list[Action], error: Exception) -> None:
    """A loop whose store is away is logged once and is no crash, however often it was tried."""
    assert await _rounds(f"held-up-{type(error).__name__}", error, 3) == 0
    assert logged == [Action.LOOP_FAILING]


async def test_a_loop_that_loses_a_cancellation_is_stopped_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that loses a cancellation is cancelled again until it stops. Every loop that sends commands to Redis loses
    one now and then, because on Python 3.11 `wait_for` takes it for its own."""
    monkeypatch.setattr(supervise, "_CANCEL_AGAIN_S", 0.05)
    lost = 0

    async def sends() -> NoReturn:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost > 2:
                    raise

    task = asyncio.create_task(supervise.forever("deaf", sends))
    await asyncio.sleep(0)
    await supervise.stop([task])
    assert (lost, task.cancelled()) == (3, True)


async def test_a_loop_that_never_ends_is_logged_and_left(
    logged: list[Action], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """A loop that never ends is logged and left running, because the process has to end whatever a loop does."""
    monkeypatch.setattr(supervise, "_CANCEL_AGAIN_S", 0.01)
    over = asyncio.Event()

    async def deaf() -> None:
        while not over.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await over.wait()

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await supervise.stop([task])
    assert logged == [Action.LOOPS_LEFT_RUNNING]
    over.set()
    await task


async def test_the_pause_has_an_end_however_often_it_crashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that has crashed more than a thousand times is restarted like any other, because the pause has an upper
    limit."""
    starts = 0

    async def crashing() -> None:
        nonlocal starts
        starts += 1
        if starts > 1100:  # 2.0 ** 1024 is no float any more
            task.cancel()
            await asyncio.Event().wait()
        raise RuntimeError("again")

    async def at_once(_: float) -> None:
        pass

    monkeypatch.setattr(asyncio, "sleep", at_once)
    monkeypatch.setattr(logs, "error", lambda *_, **__: None)  # a thousand tracebacks take their time
    task = asyncio.create_task(supervise.forever("test", crashing))
    await asyncio.wait({task})
    assert starts == 1101


async def test_a_cancellation_that_is_not_the_loop_s_own_is_a_crash(logged: list[Action]) -> None:
    """A cancellation of something that the loop awaits is a crash, and the loop is restarted as after any other bug."""
    assert await _rounds("cancelled-from-below", asyncio.CancelledError(), 3) >= 3
    assert set(logged) == {Action.LOOP_CRASHED}
