"""Forked: each piece of work in a process of its own, several at a time. A run begins with the same memory whatever ran
before it, what it leaves behind is gone, and one that never ends is ended."""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Job(NamedTuple, Generic[T]):
    work: T
    process: BaseProcess
    until: float


def each(work: Iterable[T], do: Callable[[T], R], *, jobs: int, limit_s: float) -> Iterator[tuple[T, R | None]]:
    """`do` of each piece, as they end; None: it died, or took longer than `limit_s`."""
    context = multiprocessing.get_context("fork")
    waiting, running = iter(work), dict[Connection, _Job[T]]()
    try:
        while True:
            while len(running) < jobs and (piece := next(waiting, None)) is not None:
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_do, args=(do, piece, theirs))
                process.start()
                theirs.close()
                running[ours] = _Job(piece, process, time.monotonic() + limit_s)
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


def _do(do: Callable[[T], R], piece: T, answer: Connection) -> None:
    answer.send(do(piece))
