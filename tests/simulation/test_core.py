"""The simulation's own machinery: time, order, threads, chance, death."""

import asyncio
import random
import threading
import time
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiohttp import connector

from tests.simulation.blocking import Signal, block, block_on
from tests.simulation.loop import Stuck
from tests.simulation.process import Process
from tests.simulation.simulation import Simulation
from tests.simulation.threads import Condition, Lock

Body = Callable[[], Coroutine[Any, Any, object]]


def _in_process(simulation: Simulation, machine: str, body: Body) -> Any:
    return simulation.loop.spawn(simulation.process(machine), body)


def test_hours_pass_at_once() -> None:
    """A day of waiting takes no time, and every clock of the standard library shows it."""
    simulation = Simulation(1)

    async def scenario() -> tuple[float, float]:
        wall, monotonic = time.time(), time.monotonic()
        await asyncio.sleep(86_400)
        return time.time() - wall, time.monotonic() - monotonic

    assert simulation.run(scenario) == pytest.approx((86_400, 86_400), abs=0.01)


def test_a_clock_that_a_library_took_by_name_is_the_simulations() -> None:
    """A clock that a library imported by name, as aiohttp does to measure idle connections, is the simulation's during
    a run and the real one afterwards."""
    simulation = Simulation(1)
    library: Any = connector

    async def scenario() -> float:
        before: float = library.monotonic()
        await asyncio.sleep(86_400)
        return library.monotonic() - before

    assert simulation.run(scenario) == pytest.approx(86_400, abs=0.01)
    assert library.monotonic is time.monotonic


def test_a_jump_of_the_wall_clock_moves_no_timer() -> None:
    """A machine whose wall clock jumps back waits as long as it would have, and other machines see nothing of it."""
    simulation = Simulation(2)
    seen: dict[str, tuple[float, float]] = {}

    async def wait(name: str) -> None:
        wall, monotonic = time.time(), time.monotonic()
        await asyncio.sleep(10)
        seen[name] = time.time() - wall, time.monotonic() - monotonic

    async def scenario() -> None:
        tasks = [_in_process(simulation, name, lambda name=name: wait(name)) for name in ("a", "b")]
        await asyncio.sleep(5)
        simulation.clock("a").jump(-3600)
        await asyncio.gather(*tasks)

    simulation.run(scenario)
    assert seen["a"] == pytest.approx((-3590, 10), abs=0.01)
    assert seen["b"] == pytest.approx((10, 10), abs=0.01)


def _interleaving(seed: int) -> list[str]:
    simulation = Simulation(seed)
    order: list[str] = []

    async def steps(name: str) -> None:
        for number in range(4):
            asyncio.get_running_loop().call_soon(order.append, f"{name}{number}")

    async def scenario() -> None:
        await asyncio.gather(*(_in_process(simulation, name, lambda name=name: steps(name)) for name in "abc"))
        await asyncio.sleep(1)

    simulation.run(scenario)
    return order


def test_order_is_kept_in_a_process_and_drawn_between_processes() -> None:
    """Callbacks of one process run first in, first out; which process is next depends on the seed, and on it alone."""
    orders = [_interleaving(seed) for seed in range(20)]
    for order in orders:
        for name in "abc":
            assert [step for step in order if step[0] == name] == [f"{name}{number}" for number in range(4)]
    assert len({tuple(order) for order in orders}) > 10
    assert orders == [_interleaving(seed) for seed in range(20)]


def test_chance_is_a_process_own() -> None:
    """Random numbers and ids repeat with the seed, and differ between processes."""

    def draws(seed: int) -> list[object]:
        simulation = Simulation(seed)
        found: list[object] = []

        async def draw() -> None:
            found.append((random.random(), uuid.uuid4(), random.SystemRandom().random()))

        async def scenario() -> None:
            for name in "ab":
                await _in_process(simulation, name, draw)

        simulation.run(scenario)
        return found

    assert draws(5) == draws(5) != draws(6)
    assert len(set(draws(5))) == 2


def test_a_killed_process_runs_nothing_more() -> None:
    """Neither `finally`, nor a timer, nor a thread of a killed process runs, whatever step it is killed at."""
    deaths = 0
    for step in range(1, 12):
        simulation = Simulation(step)
        ended: list[str] = []
        before: list[list[str]] = []

        async def life(ended: list[str] = ended) -> None:
            loop = asyncio.get_running_loop()
            loop.call_later(1.5, ended.append, "timer")
            try:
                await loop.run_in_executor(None, block, 1.0)
                await asyncio.sleep(1)
            finally:
                ended.append("finally")

        process = simulation.process("a")
        process.dies_at_step = step
        process.on_death.append(lambda before=before, ended=ended: before.append(list(ended)))

        async def scenario(simulation: Simulation = simulation, process: Process = process, life: Body = life) -> None:
            simulation.loop.spawn(process, life)
            await asyncio.sleep(10)

        simulation.run(scenario)
        if process.alive:
            assert sorted(ended) == ["finally", "timer"]
        else:
            deaths += 1
            assert process.steps == step
            assert [ended] == before
    assert 4 < deaths < 11


def test_a_frozen_process_goes_on_where_it_was() -> None:
    """Nothing of a frozen process runs; once it is thawed, everything that was due runs."""
    simulation = Simulation(3)
    ticks: list[float] = []

    async def tick() -> None:
        while True:
            await asyncio.sleep(1)
            ticks.append(round(simulation.loop.now_s))

    async def scenario() -> None:
        process = simulation.process("a")
        simulation.loop.spawn(process, tick)
        await asyncio.sleep(3.5)
        simulation.loop.freeze(process)
        await asyncio.sleep(10)
        simulation.loop.thaw(process)
        await asyncio.sleep(2)

    simulation.run(scenario)
    assert ticks[:3] == [1, 2, 3]
    assert ticks[3] in (13, 14)
    assert all(tick <= 3 or tick >= 13 for tick in ticks)


def test_threads_take_turns_at_every_wait() -> None:
    """A thread pool runs as many calls at once as it has workers, and locks, signals and conditions work between
    threads."""
    simulation, before = Simulation(4), threading.active_count()
    lock, signal, condition = Lock(), Signal(), Condition()
    inside, most, got = 0, 0, []

    def work(number: int) -> int:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        block(1)
        inside -= 1
        return number

    def exclusive(number: int) -> None:
        with lock:
            got.append(number)
            block(0.5)
            assert got[-1] == number

    async def scenario() -> float:
        loop = asyncio.get_running_loop()
        pool = ThreadPoolExecutor(3)
        began = loop.time()
        calls = [loop.run_in_executor(pool, work, number) for number in range(9)]
        assert await asyncio.gather(*calls) == list(range(9))
        took = loop.time() - began
        await asyncio.gather(*(loop.run_in_executor(None, exclusive, number) for number in range(4)))
        waiting = loop.run_in_executor(None, block_on, signal, 10.0)
        late = loop.run_in_executor(None, block_on, Signal(), 0.5)
        await asyncio.sleep(1)
        signal.set()
        assert await waiting
        assert not await late

        def take() -> bool:
            with condition:
                return condition.wait(5)

        taking = loop.run_in_executor(None, take)
        await asyncio.sleep(1)
        condition.notify()
        assert await taking
        return took

    assert simulation.run(scenario) == pytest.approx(3, abs=0.01)
    assert most == 3
    assert threading.active_count() <= before


def test_a_wait_without_end_is_found() -> None:
    """When nothing can ever happen again, the run ends with an error."""

    async def scenario() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Stuck):
        Simulation(1).run(scenario)
