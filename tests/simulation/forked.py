"""Forked: runs each piece of work in a process of its own, several at a time. Each run starts with the same memory,
leaves nothing behind, and is killed if it does not end."""

import gc
import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from math import ceil
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, NamedTuple, TypeVar

#: On a busy machine a process gets so many times `limit_s` of wall-clock time to use its processor time.
_BUSY_MAX = 20

T = TypeVar("T")
R = TypeVar("R")


class _Job(NamedTuple, Generic[T]):
    work: T
    process: BaseProcess
    until: float


def each(work: Iterable[T], do: Callable[[T], R], *, jobs: int, limit_s: float) -> Iterator[tuple[T, R | None]]:
    """Yield each piece with the result of `do`, in the order in which they end. The result is None if the process died
    or used more than `limit_s` of processor time."""
    context = multiprocessing.get_context("fork")
    waiting, running = iter(work), dict[Connection, _Job[T]]()
    try:
        while True:
            while len(running) < jobs and (piece := next(waiting, None)) is not None:
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_do, args=(do, piece, theirs, limit_s))
                process.start()
                theirs.close()
                running[ours] = _Job(piece, process, time.monotonic() + _BUSY_MAX * limit_s)
            if not running:
                return
            wait(list(running), max(0.0, min(job.until for job in running.values()) - time.monotonic()))
            for ours, job in list(running.items()):
                if ours.poll() or time.monotonic() >= job.until:
                    del running[ours]
                    yield job.work, _received(ours, job.process)
    finally:
        for job in running.values():
            job.process.kill()


def _received(ours: Connection, process: BaseProcess) -> R | None:  # type: ignore[type-var]  # what `do` returns
    try:
        return ours.recv() if ours.poll() else None  # type: ignore[no-any-return]
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()
        ours.close()


def _do(do: Callable[[T], R], piece: T, answer: Connection, limit_s: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches our parent too, which ends us
    gc.disable()  # the memory goes with the process
    resource.setrlimit(resource.RLIMIT_CPU, (ceil(limit_s), ceil(limit_s) + 1))
    answer.send(do(piece))
