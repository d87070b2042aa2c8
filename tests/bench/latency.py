"""Latency: from a request to its row, at a steady rate.

The commit is observed: a poller queries the database for the operations that it waits for. Rows that it sees are
committed, so the figures are upper bounds, too high by one poll at most. `operations.ended_at`, which a writer sets
just before it inserts, gives the lower bound.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC

import orjson
import pymysql

from deploy.client.connections import Address, Connections
from deploy.client.open_loop import OpenLoop, constant
from deploy.client.samples import Percentiles, percentiles
from deploy.load.summary import SLIP_MAX_MS
from tests.bench.accept import start_api
from tests.bench.apply import start_writers
from tests.bench.commit_picture import Stages, stages
from tests.bench.stage import Stage

PER_S = 500
WRITERS = 2
_POLL_EVERY_S = 0.002
_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Latency:
    """The latencies of one round."""

    to_answer: Percentiles
    to_commit: Percentiles
    to_commit_at_least: Percentiles
    answer_to_commit: Percentiles
    slip_p99_ms: float
    poll_p99_ms: float
    stages: Sequence[Stages] = ()

    @property
    def unknown(self) -> bool:
        """Whether the generator could not keep its schedule."""
        return self.slip_p99_ms > SLIP_MAX_MS


@dataclass(slots=True)
class _Write:
    intended: float
    answered: float
    version: int
    committed: float = 0.0


@dataclass(slots=True)
class _Poller:
    """Notes when each operation was first seen in the database."""

    connection: "pymysql.Connection[pymysql.cursors.Cursor]"
    writes: dict[str, _Write] = field(default_factory=dict)
    waiting: dict[str, _Write] = field(default_factory=dict)
    polls_s: list[float] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Poll until stopped. A poll reads the operations from the oldest version waited for."""
        with self.connection.cursor() as cursor:
            while not self.stop.is_set():
                began = time.time()
                if waiting := dict(self.waiting):
                    oldest = min(write.version for write in waiting.values())
                    cursor.execute("SELECT operation_id FROM operations WHERE version >= %s", (oldest,))
                    seen = time.time()
                    for (operation_id,) in cursor.fetchall():
                        if write := self.waiting.pop(operation_id, None):
                            write.committed = seen
                self.stop.wait(_POLL_EVERY_S)
                self.polls_s.append(time.time() - began)


def measure(stage: Stage, *, rounds: int, seconds: float, cores: set[int], say: Callable[[str], None]) -> list[Latency]:
    """Measure with one api and two writers, which run through all rounds."""
    stage.pin(cores)
    stage.empty()
    results = []
    with ExitStack() as stack:
        api = start_api(stage, cores)
        stack.callback(api.process.stop)
        start_writers(stage, WRITERS, stack)
        _round(stage, api.port, "warm-up", 2.0)
        for number in range(1, rounds + 1):
            results.append(_round(stage, api.port, f"{number:02d}", seconds))
            say(f"latency {number}/{rounds}  request to commit p99 {results[-1].to_commit.p99:.1f} ms")
    return results


def _round(stage: Stage, port: int, name: str, seconds: float) -> Latency:
    poller = _Poller(stage.connect())
    thread = threading.Thread(target=poller.run)
    thread.start()
    schedule = OpenLoop(constant(PER_S, seconds))
    try:
        asyncio.run(_send_all(port, name, schedule, poller))
    finally:
        poller.stop.set()
        thread.join()
        poller.connection.close()
    writes = list(poller.writes.values())
    at_least = _ended_at(stage, poller.writes)
    return Latency(
        to_answer=percentiles([write.answered - write.intended for write in writes]),
        to_commit=percentiles([write.committed - write.intended for write in writes]),
        to_commit_at_least=percentiles([at_least[id] - write.intended for id, write in poller.writes.items()]),
        answer_to_commit=percentiles([max(0.0, write.committed - write.answered) for write in writes]),
        slip_p99_ms=percentiles(schedule.slips_s).p99,
        poll_p99_ms=percentiles(poller.polls_s).p99,
        stages=[
            stages(write.intended, write.answered, at_least[id], write.committed) for id, write in poller.writes.items()
        ],
    )


async def _send_all(port: int, name: str, schedule: OpenLoop, poller: _Poller) -> None:
    connections = Connections(Address("127.0.0.1", port))

    async def send(number: int, intended: float) -> None:
        user = {"name": f"User {number}", "email": f"user.{name}.{number}@mail{number % 50:02d}.example.com"}
        headers = f"Idempotency-Key: latency-{name}-{number}\r\n"
        answer = await connections.request("POST", "/users", headers, orjson.dumps(user))
        if answer.status != 202:
            raise RuntimeError(f"a write was answered with {answer.status}: {answer.body[:200]!r} {answer.why}")
        document = orjson.loads(answer.body)
        write = _Write(intended, time.time(), document["meta"]["version"])
        operation_id = document["data"]["operation_id"]
        poller.writes[operation_id] = poller.waiting[operation_id] = write

    await schedule.run(send)
    deadline = time.monotonic() + _DEADLINE_S
    while poller.waiting and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    connections.close()
    if poller.waiting:
        raise RuntimeError(f"{len(poller.waiting)} writes were not in the database after {_DEADLINE_S:.0f} s")


def _ended_at(stage: Stage, writes: dict[str, _Write]) -> dict[str, float]:
    with stage.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT operation_id, ended_at FROM operations")
        rows = cursor.fetchall()
    return {id: ended_at.replace(tzinfo=UTC).timestamp() for id, ended_at in rows if id in writes}
