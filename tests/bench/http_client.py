"""`python -m tests.bench.http_client`: HTTP clients against the stand-in third party: one GET with its JSON decoded.

Contestants take turns within each round, on the event loop that the services use. The stand-in has a process of its
own, which answers several times as many requests as any client sends. Ratios are taken within a round.
"""

import asyncio
import gc
import os
import platform
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from statistics import median, quantiles

import aiohttp
import httpx
import orjson
import uvloop

from tests.bench.table import Part, Row, as_text
from tests.servers import free_port, wait_until, with_us

_ROUNDS = 5
_TASKS = (1, 32, 256)
_SECONDS = 1.0
_HTTPX, _AIOHTTP = "httpx", "aiohttp"

Get = Callable[[], Awaitable[object]]


async def _contestants(stack: AsyncExitStack, url: str) -> dict[str, Get]:
    """Return the contestants as a service would use them: pooled, bounded, with timeouts."""
    limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
    ours = await stack.enter_async_context(httpx.AsyncClient(limits=limits, timeout=5, trust_env=False))
    session = await stack.enter_async_context(
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=256),
            timeout=aiohttp.ClientTimeout(5),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
    )

    async def with_httpx() -> object:
        return orjson.loads((await ours.get(url)).content)

    async def with_aiohttp() -> object:
        async with session.get(url) as answer:
            return orjson.loads(await answer.read())

    return {_HTTPX: with_httpx, _AIOHTTP: with_aiohttp}


async def _one(get: Get, tasks: int) -> tuple[float, float, float]:
    """Return requests per second, p99 in ms, and this process's CPU time in ms per request."""
    took: list[float] = []
    ends = time.perf_counter() + _SECONDS

    async def work() -> None:
        while (began := time.perf_counter()) < ends:
            await get()
            took.append(time.perf_counter() - began)

    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(work() for _ in range(tasks)))
    seconds = time.perf_counter() - began
    return len(took) / seconds, quantiles(took, n=100)[98] * 1000, (time.process_time() - cpu) * 1000 / len(took)


async def measure(url: str) -> dict[tuple[int, str], list[tuple[float, float, float]]]:
    """Return one result per round for each (tasks, contestant)."""
    results: dict[tuple[int, str], list[tuple[float, float, float]]] = {}
    async with AsyncExitStack() as stack:
        contestants = await _contestants(stack, url)
        for round_ in range(-1, _ROUNDS):  # the first one warms up
            for tasks in _TASKS:
                for name, get in contestants.items():
                    gc.collect()
                    result = await _one(get, tasks)
                    if round_ >= 0:
                        results.setdefault((tasks, name), []).append(result)
    return results


def report(results: dict[tuple[int, str], list[tuple[float, float, float]]]) -> str:
    """Return the table, and what it was measured on."""
    parts = []
    for tasks in _TASKS:
        base = [rate for rate, _, _ in results[tasks, _HTTPX]]
        rows = []
        for name in (_HTTPX, _AIOHTTP):
            rates, p99s, cpus = zip(*results[tasks, name], strict=True)
            ratios = [rate / httpx_s for rate, httpx_s in zip(rates, base, strict=True)]
            rows.append(Row(name, rates, "requests/s", ratios, p99s, f"{median(cpus):.2f} ms of CPU a request"))
        parts.append(Part(f"{tasks} at a time; ratio to httpx", rows))
    packages = ", ".join(f"{name} {version(name)}" for name in ("httpx", "aiohttp", "uvloop"))
    on = f"Python {platform.python_version()}, {packages}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
    return f"{as_text(parts)}\n\n{on}{_ROUNDS} rounds of {_SECONDS:.0f} s each"


def main() -> None:
    """Run once against a stand-in of its own."""
    port = free_port()
    with subprocess.Popen([*with_us(), sys.executable, "-m", "deploy.third_party", "--port", str(port)]) as stand_in:
        try:
            url = f"http://127.0.0.1:{port}/data"
            wait_until(lambda: _answers(url), what="the stand-in")
            print(report(uvloop.run(measure(url))))  # noqa: T201 - it is a report
        finally:
            stand_in.terminate()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
