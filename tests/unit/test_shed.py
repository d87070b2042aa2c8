"""Shedding: when too many requests are in flight, further ones are refused at once, and the others are not affected."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client import REGISTRY
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from holdfast.services.api.shed import Lag, Shed, spared, step_out
from holdfast.shared.http.app import service_app
from holdfast.shared.http.health import Health
from tests.metastable import virtual_time

_HIGHEST = 256
#: The duration from which a request is slow: so long that no request here is slow, however busy the machine is.
_SLOW_S = 600.0
_TURNS = 10_000


class World:
    """A service whose handlers wait until the test lets them go."""

    def __init__(self) -> None:
        self.lag = Lag()
        self.gate = asyncio.Event()
        self.under_way = 0
        self.app = service_app(
            Health("test"), title="t", description="d", version="0", add_routes=self._routes, timeout_s=_SLOW_S,
            before_keys=[Middleware(Shed, self.lag, _SLOW_S)],
        )  # fmt: skip
        transport = httpx.ASGITransport(self.app)
        limits = httpx.Limits(max_connections=None)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://test", limits=limits, timeout=_SLOW_S)

    def _routes(self, app: FastAPI) -> None:
        @app.get("/users")
        async def read(_: Request) -> Response:
            if (refusal := spared()) is not None:
                raise refusal  # there is no copy here
            return await self._held()

        @app.post("/users")
        async def write(request: Request) -> Response:
            step_out(request)
            return await self._held()

    async def _held(self) -> Response:
        self.under_way += 1
        await self.gate.wait()
        return Response()

    async def started(self, count: int) -> None:
        """Wait until `count` handlers run, which takes a few turns of the event loop, however long those are."""
        for _ in range(_TURNS):
            if self.under_way >= count:
                return
            await asyncio.sleep(0)
        raise AssertionError(f"{self.under_way} of {count} handlers run")


@pytest.fixture
async def world() -> World:
    """A new service without requests."""
    return World()


async def _all(*calls: Awaitable[httpx.Response]) -> list[int]:
    return [answer.status_code for answer in await asyncio.gather(*calls)]


def _shed(reason: str, lane: str) -> float:
    return REGISTRY.get_sample_value("holdfast_requests_shed_total", {"reason": reason, "lane": lane}) or 0.0


async def _fill(
    world: World, call: Callable[[], Awaitable[httpx.Response]], count: int
) -> list[asyncio.Future[httpx.Response]]:
    before = world.under_way
    tasks = [asyncio.ensure_future(call()) for _ in range(count)]
    await world.started(before + count)
    return tasks


async def test_who_finds_no_room_is_refused_soon(world: World) -> None:
    """A request that finds no room is refused after a short wait, with 503 in the envelope and a Retry-After. Every
    request in flight is answered."""
    inside = await _fill(world, lambda: world.client.get("/users"), _HIGHEST)
    before = _shed("in_flight", "reads")
    refused = await world.client.get("/users")
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["details"]["reason"]) == (503, "OVERLOADED", "in_flight")
    assert error["definite"]
    assert error["retryable"]
    assert 1 <= int(refused.headers["retry-after"]) <= 3
    assert _shed("in_flight", "reads") == before + 1
    world.gate.set()
    assert set(await _all(*inside)) == {200}


async def test_reads_leave_writes_and_health_their_room(world: World) -> None:
    """Reads that fill their lane leave room for writes and for health checks."""
    inside = await _fill(world, lambda: world.client.get("/users"), _HIGHEST)
    assert (await world.client.get("/livez")).status_code == 200
    writes = await _fill(world, lambda: world.client.post("/users"), 1)
    world.gate.set()
    assert set(await _all(*inside, *writes)) == {200}


@pytest.mark.parametrize(("after_s", "status"), [(0.09, 200), (0.11, 503)], ids=["in time", "too late"])
def test_who_waits_a_moment_gets_the_next_place(after_s: float, status: int) -> None:
    """A waiting request gets a place that becomes free in time, and is refused otherwise. The time is virtual, because
    ending the requests in flight may take as long as the wait."""

    async def places_come_free() -> None:
        world = World()
        inside = await _fill(world, lambda: world.client.get("/users"), _HIGHEST)
        waiting = [asyncio.ensure_future(world.client.get("/users")) for _ in range(10)]
        await asyncio.sleep(after_s)
        world.gate.set()
        assert set(await _all(*inside)) == {200}
        assert set(await _all(*waiting)) == {status}

    virtual_time.run(places_come_free)


async def test_the_row_of_those_who_wait_is_bounded(world: World) -> None:
    """As many requests may wait as may be in flight, any further request is refused at once, and no place is lost by
    that."""
    inside = await _fill(world, lambda: world.client.get("/users"), _HIGHEST)
    statuses = await _all(*(world.client.get("/users") for _ in range(2 * _HIGHEST)))
    assert statuses == [503] * (2 * _HIGHEST)
    world.gate.set()
    assert set(await _all(*inside)) == {200}
    assert await _all(*(world.client.get("/users") for _ in range(_HIGHEST))) == [200] * _HIGHEST


async def test_who_gives_up_waiting_leaves_no_gap(world: World) -> None:
    """Clients that disconnect, in flight or waiting, give back their places."""
    inside = await _fill(world, lambda: world.client.get("/users"), _HIGHEST)
    waiting = [asyncio.ensure_future(world.client.get("/users")) for _ in range(50)]
    for _ in range(10):
        await asyncio.sleep(0)
    for task in [*waiting, *inside]:
        task.cancel()
    await asyncio.gather(*waiting, *inside, return_exceptions=True)
    again = await _fill(world, lambda: world.client.get("/users"), _HIGHEST)
    world.gate.set()
    assert set(await _all(*again)) == {200}


async def test_who_only_waits_for_an_end_takes_no_room(world: World) -> None:
    """Writes that only wait for their outcome take no place, however many there are."""
    outside = await _fill(world, lambda: world.client.post("/users"), 2 * _HIGHEST)
    world.gate.set()
    assert set(await _all(*outside)) == {200}


async def test_who_reads_slowly_takes_no_room(world: World) -> None:
    """A request whose answer is ready leaves its place, however slowly its client reads the answer."""
    world.gate.set()
    reading = asyncio.Event()

    async def read_slowly(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_slowly(message: Message) -> None:
            await reading.wait()
            await send(message)

        await world.app(scope, receive, send_slowly)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(read_slowly), base_url="http://test") as slow:
        calls = [asyncio.ensure_future(slow.get("/users")) for _ in range(_HIGHEST)]
        await world.started(_HIGHEST)
        assert (await world.client.get("/users")).status_code == 200
        reading.set()
        await _all(*calls)


async def test_a_late_loop_turns_reads_away(world: World) -> None:
    """A late event loop turns some of the reads away, and no request of the lane that is kept."""
    for _ in range(100):
        world.lag.sampled(0.5)
    world.gate.set()
    statuses = await _all(*(world.client.get("/users") for _ in range(200)))
    assert 40 <= statuses.count(200) <= 120
    assert set(statuses) == {200, 503}
    assert await _all(*(world.client.get("/livez") for _ in range(50))) == [200] * 50
    assert (await world.client.get("/docs")).json()["error"]["details"]["reason"] == "event_loop_lag"
