"""The stack's own processes, identified for certain. A process id is reused, but not with the same start time.
Everything that the stack starts leaves a record under `.local/run/`, and only a process that matches its record is ever
ended."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deploy.local.places import RUN, write_private

_POLL_S = 0.1
_STOPPING_POLL_S = 0.001


@dataclass(frozen=True, slots=True)
class Process:
    """One process: its id, its start time (clock ticks since boot), and the boot."""

    pid: int
    born: str
    boot: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the living process with this id, or None. A zombie is dead."""
        try:
            # The command's name, in parentheses, may contain anything; the fields after it do not.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else cls(pid, fields[19], boot)

    @property
    def alive(self) -> bool:
        """Whether this very process is still running."""
        return Process.of(self.pid) == self


def record(name: str, process: Process) -> None:
    """Record that `name` is `process`."""
    write_private(RUN / f"{name}.pid", json.dumps([process.pid, process.born, process.boot]) + "\n")


def recorded(name: str) -> Process | None:
    """Return the living process recorded as `name`, or None if the record is stale."""
    try:
        process = Process(*json.loads((RUN / f"{name}.pid").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return process if process.alive else None


def recorded_names() -> list[str]:
    """Return every recorded name, stale records included."""
    return sorted(path.stem for path in RUN.glob("*.pid"))


def forget(name: str) -> None:
    """Delete the record."""
    (RUN / f"{name}.pid").unlink(missing_ok=True)


def freeze(pid: int) -> None:
    """Send SIGSTOP, and return when every thread has stopped. Raises ProcessLookupError. One thread takes the signal
    and stops the others, so the process goes on until that thread is given a core."""
    os.kill(pid, signal.SIGSTOP)
    while not all(state in "TtZX" for state in _thread_states(pid)):
        time.sleep(_STOPPING_POLL_S)


def _thread_states(pid: int) -> Iterator[str]:
    """Return the state of each thread, one letter as in proc(5)."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):  # the process has ended meanwhile
            yield stat.read_text().rpartition(")")[2].split()[0]


def end(processes: Iterable[Process], patience_s: float) -> None:
    """Send SIGTERM, and SIGKILL to what is left after `patience_s`. Return when all are gone."""
    left = list(processes)
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 10.0)):
        for process in left:
            if process.alive:
                os.kill(process.pid, number)
        left = wait_gone(left, wait_s)


def wait_gone(processes: Iterable[Process], patience_s: float) -> list[Process]:
    """Wait for them to end, and return those that have not after `patience_s`."""
    left = list(processes)
    deadline = time.monotonic() + patience_s
    while (left := [process for process in left if process.alive]) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return left
