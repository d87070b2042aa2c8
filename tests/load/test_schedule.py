"""The open loop: requests are sent at their intended times, and the cost of a server that stalls is visible."""

import asyncio
from itertools import pairwise

import pytest

from deploy.client.connections import Connections
from deploy.client.open_loop import OpenLoop, constant, now, poisson
from deploy.client.samples import percentiles
from tests.load.tiny import OK, serving

STALL_S = 0.5


def test_constant_arrivals_are_evenly_spaced() -> None:
    """Constant arrivals are evenly spaced at the given rate, from time 0."""
    assert list(constant(4, 1)) == [0.0, 0.25, 0.5, 0.75]


def test_poisson_arrivals_keep_the_rate_and_are_uneven() -> None:
    """Poisson arrivals are ordered, keep the rate to within 5 %, are sometimes close together, and repeat with the
    seed."""
    arrivals = list(poisson(100, 100, seed=7))
    gaps = [late - early for early, late in pairwise(arrivals)]
    assert len(arrivals) == pytest.approx(10_000, rel=0.05)
    assert min(gaps) >= 0
    assert sum(gap < 0.001 for gap in gaps) > 500  # exp(-0.1): a tenth; evenly spaced there is none
    assert arrivals == list(poisson(100, 100, seed=7))


async def test_a_send_that_hangs_holds_nobody_up() -> None:
    """While one send hangs, all later ones leave at their times."""
    released = asyncio.Event()
    sent: list[int] = []

    async def send(number: int, _: float) -> None:
        sent.append(number)
        if number == 9:
            released.set()
        await released.wait()

    loop = OpenLoop(constant(200, 0.05))
    await asyncio.wait_for(loop.run(send), 60)
    assert sent == list(range(10))
    assert loop.in_flight_peak == 10
    assert loop.in_flight == 0
    assert len(loop.slips_s) == 10


async def test_what_is_too_much_is_counted_and_not_sent() -> None:
    """A request above the limit of requests in flight is dropped and counted, so that the report can show it."""
    released = asyncio.Event()
    sent: list[int] = []

    async def send(number: int, _: float) -> None:
        sent.append(number)
        await released.wait()

    loop = OpenLoop(constant(1000, 0.02), in_flight_max=3)
    running = asyncio.ensure_future(loop.run(send))
    while len(loop.slips_s) < 20:
        await asyncio.sleep(0.01)
    released.set()
    await running
    assert sent == [0, 1, 2]
    assert len(loop.dropped) == 17


async def test_a_generator_that_is_held_up_says_how_late_it_was() -> None:
    """The generator's own delay is recorded as slip, and not as latency of the server."""

    async def send(number: int, _: float) -> None:
        if number == 0:
            end = now() + 0.05
            while now() < end:
                pass

    loop = OpenLoop(constant(1000, 0.02))
    await loop.run(send)
    assert max(loop.slips_s) > 0.02


async def test_an_open_loop_sees_the_stall_that_a_closed_loop_hides() -> None:
    """If a server stalls once, a closed-loop client meets the stall once in 200 requests. In the open loop, every
    request that is due during the stall meets it, and the 99th percentile shows it."""

    class Stalling:
        def __init__(self) -> None:
            self.until = 0.0
            self.held = 0

        async def answer(self, number: int, writer: asyncio.StreamWriter) -> None:
            if number == 50:
                self.until = now() + STALL_S
            if (left_s := self.until - now()) > 0:
                self.held += 1
                await asyncio.sleep(left_s)
            writer.write(OK)

    closed, opened = Stalling(), Stalling()
    async with serving(closed.answer) as address:
        connections = Connections(address)
        for _ in range(200):
            assert (await connections.request("GET", "/")).status == 200
        connections.close()
    took: list[float] = []
    async with serving(opened.answer) as address:
        connections = Connections(address)

        async def send(_: int, intended: float) -> None:
            assert (await connections.request("GET", "/")).status == 200
            took.append(now() - intended)

        await OpenLoop(constant(200, 1)).run(send)
        connections.close()
    assert closed.held == 1
    assert opened.held > 20
    assert percentiles(took).p99 > STALL_S * 1000 * 0.9
