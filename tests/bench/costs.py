"""`python -m tests.bench.costs`: what one write and one read cost, on a real Redis and a real MariaDB.

A number of creates goes through an api while its writer is stopped; then the writer applies them all; then they are
read by id. The processor time of each process, and the growth of each store, are divided by the number of writes.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

import aiohttp

from deploy.capacity.costs import MEASURED, Costs
from deploy.capacity.page import filled
from holdfast.shared.letters.retention import history
from holdfast.shared.queue.names import PREFIX, WRITES
from holdfast.shared.store.closing import close
from holdfast.shared.store.engine import Timeouts, make_engine
from holdfast.shared.writes.versions import wall_clock
from tests.bench import machine
from tests.bench.process import ROOT, Process, cpu_s
from tests.bench.stage import Stage, stage
from tests.client import fetch
from tests.processes import PATIENT_API
from tests.servers import free_port, wait_until

PAGE = ROOT / "docs/scaling.md"
_AT_ONCE = 64
_WARM_UP = 500
_STEP = 500
_SAMPLE = 500
_BUSY, _PAUSE_S = 503, 0.2
_LEAVES = (
    "SELECT table_name, SUM(stat_value) * @@innodb_page_size FROM mysql.innodb_index_stats"
    " WHERE stat_name = 'n_leaf_pages' AND database_name = 'holdfast' GROUP BY table_name"
)
_FSYNCS = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Innodb_data_fsyncs', 'Innodb_os_log_fsyncs')"


def main() -> None:
    """Measure, print, write the file that the calculator reads, and fill the tables of docs/scaling.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.costs", description=__doc__)
    parser.add_argument("--writes", type=int, default=20_000)
    parser.add_argument("--out", type=Path, default=MEASURED)
    options = parser.parse_args()
    about = machine.describe(range(os.cpu_count() or 1))
    with stage() as stores, ExitStack() as stack:
        costs = _Measurement(stores, stack).costs(options.writes)
    command = f"python -m tests.bench.costs --writes {options.writes}"
    document = {"command": command, "machine": about, "costs": costs.as_json()}
    options.out.write_text(json.dumps(document, indent=2) + "\n")
    if options.out == MEASURED:
        PAGE.write_text(filled(PAGE.read_text(), Costs.read()))
    sys.stdout.write(json.dumps(costs.as_json(), indent=2) + "\n")


class _Measurement:
    """A measurement with an api and a writer on the stage."""

    def __init__(self, stores: Stage, stack: ExitStack) -> None:
        self._stores = stores
        self._url = f"http://127.0.0.1:{(port := free_port())}"
        self._api = self._started(stack, "api", port)
        self._writer = self._started(stack, "writer", free_port())
        self._pids = {
            "api": self._api.pid, "writer": self._writer.pid,
            "queue": stores.redis_server.pid, "database": stores.database.pid,
        }  # fmt: skip

    def costs(self, writes: int) -> Costs:
        """Return the costs of one write and of one read."""
        asyncio.run(self._create(_WARM_UP))
        self._drained()
        before, space = self._look(), self._space()
        os.kill(self._writer.pid, signal.SIGSTOP)
        try:
            ids = asyncio.run(self._create(writes))
            accepted = self._look()
        finally:
            os.kill(self._writer.pid, signal.SIGCONT)
        self._drained()
        applied, space_after = self._look(), self._space()
        record_bytes = self._record_bytes()
        asyncio.run(self._read(ids))
        read = self._look()

        def each(name: str, since: Mapping[str, float], until: Mapping[str, float]) -> float:
            return (until[name] - since[name]) / writes

        return Costs(
            api_write_us=each("api", before, accepted),
            api_read_us=each("api", applied, read),
            writer_us=each("writer", accepted, applied),
            queue_write_us=each("queue", before, applied),
            queue_read_us=each("queue", applied, read),
            database_write_us=each("database", before, applied),
            database_read_us=each("database", applied, read),
            housekeeping_us=self._housekeeping(),
            queue_waiting_bytes=record_bytes + each("memory", applied, accepted),
            queue_keyed_bytes=record_bytes,
            queue_log_bytes=each("log", before, applied),
            entity_bytes=(space_after["users"] - space["users"]) / writes,
            operation_bytes=(space_after["operations"] - space["operations"]) / writes,
            queue_fsyncs=each("batches", before, accepted),
            database_fsyncs=each("fsyncs", before, applied),
        )

    def _started(self, stack: ExitStack, service: str, port: int) -> Process:
        own = {f"HOLDFAST_{service.upper()}_PORT": str(port), "HOLDFAST_INSTANCE": f"{service}-costs"}
        more = PATIENT_API | {"HOLDFAST_API_HEARTBEAT_S": "0"} if service == "api" else {}
        log = self._stores.folder / f"{service}.log"
        process = Process(["-m", f"holdfast.services.{service}"], self._stores.environment | own | more, log)
        process.start()
        stack.callback(process.stop)
        process.wait_for_port(port)
        return process

    def _look(self) -> dict[str, float]:
        """Return the usage so far: microseconds of each process, bytes of the queue, fsyncs."""
        memory, log = self._stores.redis.info("memory"), self._stores.redis.info("persistence")
        with self._stores.connect() as connection, connection.cursor() as cursor:
            cursor.execute(_FSYNCS)
            fsyncs = sum(int(value) for _, value in cursor.fetchall())
        return {
            **{name: cpu_s(pid) * 1e6 for name, pid in self._pids.items()},
            "memory": float(memory["used_memory"]), "log": float(log["aof_current_size"]),
            "batches": self._batches(), "fsyncs": float(fsyncs),
        }  # fmt: skip

    def _batches(self) -> float:
        """Return the number of accept round trips, each with one fsync of the queue."""
        lines = fetch("GET", f"{self._url}/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith("holdfast_accept_batch_writes_count"))

    def _record_bytes(self) -> float:
        """Return the mean size of the record of an idempotency key, in bytes."""
        names = list(islice(self._stores.redis.scan_iter(f"{PREFIX}key:*", count=1000), _SAMPLE))
        return mean(float(self._stores.redis.memory_usage(name) or 0) for name in names)

    def _space(self) -> dict[str, float]:
        """Return the bytes in the leaves of tables and indexes. Space that is allocated in advance is no cost of a
        row."""
        with self._stores.database.connect(user="root") as connection, connection.cursor() as cursor:
            cursor.execute("ANALYZE TABLE users, operations")
            cursor.fetchall()
            cursor.execute(_LEAVES)
            return {name: float(size) for name, size in cursor.fetchall()}

    def _drained(self) -> None:
        wait_until(lambda: bool(self._stores.redis.xlen(WRITES) == 0), what="everything is applied")

    async def _create(self, count: int) -> Sequence[str]:
        async def one(http: aiohttp.ClientSession) -> str:
            mark = uuid.uuid4().hex
            body, key = {"name": mark, "email": f"{mark}@example.com"}, {"Idempotency-Key": mark}
            document = await _answer(202, lambda: http.post("/users", json=body, headers=key))
            return str(document["data"]["id"])

        return await self._all([one] * count)

    async def _read(self, ids: Sequence[str]) -> None:
        def of(id: str) -> Callable[[aiohttp.ClientSession], Awaitable[str]]:
            async def one(http: aiohttp.ClientSession) -> str:
                await _answer(200, lambda: http.get(f"/users/{id}"))
                return id

            return one

        await self._all([of(id) for id in ids])

    async def _all(self, requests: Sequence[Callable[[aiohttp.ClientSession], Awaitable[str]]]) -> Sequence[str]:
        """Send all requests, `_AT_ONCE` at a time."""
        left, done = list(requests), []
        async with aiohttp.ClientSession(self._url) as http:

            async def client() -> None:
                while left:
                    done.append(await left.pop()(http))

            await asyncio.gather(*(client() for _ in range(_AT_ONCE)))
        return done

    def _housekeeping(self) -> float:
        """Return the microseconds that it takes to count an operation and to remove its row, in steps."""
        engine = make_engine(self._stores.database.dsn, Timeouts(5, 5, 600, 50), 2)
        began, counted = time.perf_counter(), 0
        began, counted = time.perf_counter(), 0
        while closed := close(engine, wall_clock(), _STEP):
            counted += closed
        count_us = (time.perf_counter() - began) * 1e6 / counted
        history.advance(engine, wall_clock())
        with engine.begin() as connection:  # as if all operations had ended long ago
            connection.exec_driver_sql("UPDATE operations SET ended_at = '2000-01-01'")
        began, removed, after = time.perf_counter(), 0, 0
        while True:
            gone, following = history.purge_operations(engine, after, _STEP)
            removed, after = removed + gone, following or 0
            if following is None:
                break
        engine.dispose()
        return count_us + (time.perf_counter() - began) * 1e6 / removed


async def _answer(expected: int, send: Callable[[], Any]) -> dict[str, Any]:
    """Return the document of the answer. Send the request again while the api sheds it because its machine is busy."""
    while True:
        async with send() as answer:
            document: dict[str, Any] = await answer.json()
        if answer.status == expected:
            return document
        if answer.status != _BUSY:
            raise RuntimeError(f"{answer.status}: {document}")
        await asyncio.sleep(_PAUSE_S)


if __name__ == "__main__":
    main()
