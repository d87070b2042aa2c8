"""A process is alive if its event loop runs: an outage of the queue, however long, causes no restart; a loop that is
stuck is detected."""

import asyncio
import time
from pathlib import Path
from typing import Any

from redis.exceptions import ConnectionError as RedisGone
from redis.exceptions import ResponseError

from holdfast.shared.connections.redis import connect
from holdfast.shared.queue.reading import Reading
from holdfast.shared.queue.watch import Watch
from tests import processes
from tests.client import fetch
from tests.servers import PATIENT_REDIS, Database, RedisServer, wait_until

_TURN_MAX_S = 10.0
_QUICK = {
    "HOLDFAST_WRITER_TURN_MAX_S": str(_TURN_MAX_S), "HOLDFAST_DLQ_TURN_MAX_S": str(_TURN_MAX_S),
    "HOLDFAST_WRITER_PROBE_CAP_S": "0.3", "HOLDFAST_DLQ_PROBE_CAP_S": "0.3", "HOLDFAST_REDIS_TIMEOUT_S": "0.8",
}  # fmt: skip


def test_an_outage_longer_than_the_limit_restarts_nobody(
    tmp_path: Path, own_redis: RedisServer, database: Database
) -> None:
    """While Redis first hangs and then is down for longer than the limit, writer, dlq_admin and api answer /livez with
    200."""
    address, dsn = own_redis.address, database.dsn
    more = _QUICK | {"HOLDFAST_WRITER_BLOCK_MS": "200", "HOLDFAST_DRAIN_S": "1"}
    services = [
        processes.writer(tmp_path, address, dsn, **more),
        processes.dlq_admin(tmp_path, address, dsn, **more),
        processes.api(tmp_path, address, dsn),
    ]
    with processes.running(*services):
        own_redis.freeze()

        def silent_s(service: processes.Service) -> float:
            answer = fetch("GET", f"{service.url}/livez")
            assert answer.status_code == 200, answer.text
            checks = answer.json()["data"]["checks"]
            return float(checks["reading"]["detail"].split()[2]) if checks else 1e9

        wait_until(lambda: min(map(silent_s, services)) > 0.6 * _TURN_MAX_S, what="a silence")
        own_redis.kill()
        wait_until(lambda: min(map(silent_s, services)) > 1.2 * _TURN_MAX_S, what="a long silence")


class _Stuck:
    """A reader that neither reads nor ends."""

    def on_startup(self, _: Any) -> None:
        """Do nothing."""

    def exit(self) -> None:
        """Do nothing."""

    async def run(self) -> None:
        """Never return."""
        await asyncio.Event().wait()


async def test_a_loop_that_hangs_is_not_alive(clean_redis: RedisServer) -> None:
    """A reader that hangs while Redis answers counts as stalled, unless work is in hand, which would explain the
    silence."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    in_hand: list[int] = []
    watch = Watch(lambda: in_hand, 0.3, silence_max_s=0.1)
    reading = Reading(redis, _Stuck, watch, probe_cap_s=0.1)  # type: ignore[arg-type, return-value]
    loops = [asyncio.create_task(reading.run()), asyncio.create_task(reading.watching())]
    try:
        end = time.monotonic() + 120
        while watch.progress()[0]:
            assert time.monotonic() < end, watch.progress()
            await asyncio.sleep(0.02)
        in_hand.append(1)
        assert not watch.stalled
        assert watch.progress()[0]
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await redis.aclose()


class _Reader:
    """A reader that reads until it is ended."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    def on_startup(self, _: Any) -> None:
        """Do nothing."""

    def exit(self) -> None:
        """End `run`."""
        self._ended.set()

    async def run(self) -> None:
        """Wait until `exit` is called."""
        await self._ended.wait()


async def test_a_reader_that_lost_its_connection_is_replaced(clean_redis: RedisServer) -> None:
    """A reader whose connection was lost is replaced as soon as Redis answers, where FastStream would pause for five
    seconds. A refusal is an answer, and does not replace the reader."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    made: list[_Reader] = []

    def make() -> _Reader:
        made.append(_Reader())
        return made[-1]

    async def until_made(readers: int) -> None:
        async with asyncio.timeout(120):
            while len(made) < readers:
                await asyncio.sleep(0.01)

    watch = Watch(lambda: True, 3600)
    reading = Reading(redis, make, watch, probe_cap_s=0.1)  # type: ignore[arg-type]
    loops = [asyncio.create_task(reading.run()), asyncio.create_task(reading.watching())]
    try:
        await until_made(1)
        watch.failed(ResponseError("NOPERM"))
        assert not watch.lost.is_set()
        for number in (2, 3):
            watch.failed(RedisGone("closed"))
            await until_made(number)
        reading.stop()
        async with asyncio.timeout(120):
            await loops[0]
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await redis.aclose()
