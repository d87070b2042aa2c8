"""Apply: writes per second from a standing backlog, beside hand-written inserts and common task queues.

All contestants are measured in the same way: each notes the time in `operations.ended_at` just before it inserts, and
the rate is taken between the moments at which 10 % and 90 % of the backlog were done. Start and end are not included.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from os import environ
from pathlib import Path

from holdfast.services.api.candidate import Candidate
from holdfast.shared.connections.script import text_of
from holdfast.shared.queue.names import CLOCK, LUA, PREFIX, WRITERS_GROUP, WRITES
from tests.bench.contestants import two_rows
from tests.bench.process import ROOT, Process
from tests.bench.stage import Stage
from tests.servers import free_port, wait_until
from tests.users import create_user

OURS, OURS_TWICE = "Holdfast, one writer", "Holdfast, two writers"
LIMIT, LIMIT_TWICE = "hand-written inserts, one process", "hand-written inserts, two processes"
CELERY, TASKIQ = "Celery worker", "taskiq worker"

_STAGING = PREFIX + "bench-staging"
_KEY_LIFETIME_S = 3600
_CHUNK = 500
_DRAIN_DEADLINE_S = 120.0
_LOOK_EVERY_S = 0.3


def measure(
    stage: Stage, *, rounds: int, writes: int, peer_writes: int, cores: set[int], say: Callable[[str], None]
) -> dict[str, list[float]]:
    """Return the writes per second of every contestant, measured once per round, in turn. No process is pinned to one
    core: each may use all `cores`."""
    stage.pin(cores)
    contestants: dict[str, Callable[[], float]] = {
        OURS: lambda: _ours(stage, writes, writers=1),
        LIMIT: lambda: _hand_written(stage, writes, processes=1),
        OURS_TWICE: lambda: _ours(stage, writes, writers=2),
        LIMIT_TWICE: lambda: _hand_written(stage, writes, processes=2),
        CELERY: lambda: _peer(stage, peer_writes, "celery_peer", _CELERY_WORKER),
        TASKIQ: lambda: _peer(stage, peer_writes, "taskiq_peer", _TASKIQ_WORKER),
    }
    results: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, drain in contestants.items():
            stage.empty()
            results[name].append(drain())
            say(f"apply  {number}/{rounds}  {name:36} {results[name][-1]:8,.0f} writes/s")
    return results


def writer(stage: Stage, name: str) -> tuple[Process, int]:
    """Return a real writer that is not started yet, and its port."""
    port = free_port()
    own = {"HOLDFAST_WRITER_PORT": str(port), "HOLDFAST_INSTANCE": name}
    return Process(["-m", "holdfast.services.writer"], stage.environment | own, _log(stage, name)), port


def start_writers(stage: Stage, count: int, stack: ExitStack) -> None:
    """Start `count` writers and wait until each reads the stream. `stack` ends them."""
    for number in range(count):
        process, port = writer(stage, f"writer-{number}")
        stack.callback(process.stop)
        process.start().wait_for_port(port)
    wait_until(lambda: _readers(stage) == count, what="writers read")


def _readers(stage: Stage) -> int:
    """Return the number of connections that wait for entries of the stream."""
    return sum(client["cmd"] == "xreadgroup" for client in stage.redis.client_list())


def _ours(stage: Stage, writes: int, *, writers: int) -> float:
    """Start writers that wait for work, make the whole backlog available at once, and return their rate."""
    with ExitStack() as stack:
        start_writers(stage, writers, stack)
        accept_backlog(stage, writes)
        wait_until(lambda: _slowly(not stage.redis.xlen(WRITES)), _DRAIN_DEADLINE_S, "drain")
    return _rate(stage, writes)


def accept_backlog(stage: Stage, writes: int) -> None:
    """Accept the writes as the api does, into a stream of another name, which is renamed to the write stream at the
    end."""
    accept = stage.redis.register_script(text_of(LUA / "accept.lua"))
    for first in range(0, writes, _CHUNK):
        candidates = [_candidate(number) for number in range(first, min(first + _CHUNK, writes))]
        values = [value for candidate in candidates for value in candidate.arguments()]
        answers = accept(keys=[_STAGING, CLOCK], args=[PREFIX, 0, 1, _KEY_LIFETIME_S, writes, *values])
        assert all(answer[0] == b"accepted" for answer in answers), "a write of the backlog was refused"
    stage.redis.xgroup_create(_STAGING, WRITERS_GROUP, id="0")
    stage.redis.rename(_STAGING, WRITES)


def _candidate(number: int) -> Candidate:
    write = two_rows.message(number)
    return Candidate(
        write["operation_id"],
        write["user_id"],
        create_user(write["name"], write["email"]),
        key_hash=write["operation_id"],
        body_hash="0" * 64,
        request_id=f"req_{number:032x}",
    )


def _hand_written(stage: Stage, writes: int, *, processes: int) -> float:
    share = writes // processes
    module = "tests.bench.contestants.hand_written"
    started = [
        Process(["-m", module, str(share), str(share * number)], stage.environment, _log(stage, "hand_written"))
        for number in range(processes)
    ]
    with ExitStack() as stack:
        for process in started:
            stack.callback(process.start().stop)
        for process in started:
            process.wait_for_line("ready")
        for process in started:
            process.tell("go")
        for process in started:
            process.wait(_DRAIN_DEADLINE_S)
    return _rate(stage, share * processes)


_CELERY_WORKER = (
    "celery", "-A", "tests.bench.contestants.celery_peer:celery", "worker", "--pool", "prefork", "--concurrency", "1",
    "--loglevel", "WARNING",
)  # fmt: skip
_TASKIQ_WORKER = (
    "taskiq", "worker", "tests.bench.contestants.taskiq_peer:broker", "--workers", "1", "--log-level", "WARNING",
)  # fmt: skip


def _peer(stage: Stage, writes: int, module: str, worker: Sequence[str]) -> float:
    """Fill the queue, then start one worker, and return its rate."""
    subprocess.run(
        [sys.executable, "-m", f"tests.bench.contestants.{module}", str(writes)], cwd=ROOT,
        env=environ | stage.environment, check=True, capture_output=True, timeout=_DRAIN_DEADLINE_S,
    )  # fmt: skip
    process = Process(["-m", *worker], stage.environment, _log(stage, module))
    try:
        process.start()
        wait_until(lambda: _slowly(stage.count("operations") == writes), _DRAIN_DEADLINE_S, f"{module} drains")
    finally:
        process.stop()
    return _rate(stage, writes)


def _log(stage: Stage, name: str) -> Path:
    """Return the path of a new log file."""
    return stage.folder / f"{name}-{time.monotonic_ns()}.log"


def _slowly(done: bool) -> bool:
    """Return `done`. If it is false, pause first, because each poll takes processor time from the contestants."""
    if not done:
        time.sleep(_LOOK_EVERY_S)
    return done


def _rate(stage: Stage, writes: int) -> float:
    """Return the writes per second between 10 % and 90 % of the backlog. Raises RuntimeError if a row is missing."""
    rows = stage.count("users"), stage.count("operations")
    if rows != (writes, writes):
        raise RuntimeError(f"{writes} writes left {rows[0]} users and {rows[1]} operations")
    with stage.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ended_at FROM operations ORDER BY ended_at")
        return middle_rate([ended_at for (ended_at,) in cursor.fetchall()])


def middle_rate(ended: Sequence[datetime]) -> float:
    """Return the rate per second, from the sorted moments at which work ended. Batches, whose rows share a moment, are
    counted correctly."""
    first, last = ended[len(ended) // 10], ended[len(ended) * 9 // 10]
    between = sum(first < moment <= last for moment in ended)
    return between / (last - first).total_seconds()
