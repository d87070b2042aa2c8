"""Processes under measurement: each is started on chosen cores, can report the processor time that it used, and is
ended by its id, or together with the benchmark, however that ends."""

import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tests.servers import wait_until, with_us

ROOT = Path(__file__).parent.parent.parent
_STOP_DEADLINE_S = 10.0


class Process:
    """`python <arguments>` in the folder of a checkout, with its output in a log."""

    def __init__(
        self, arguments: Sequence[str], environment: Mapping[str, str], log: Path, checkout: Path = ROOT
    ) -> None:
        self._checkout = checkout
        self._arguments = list(arguments)
        self._environment = os.environ | environment
        self.log = log
        self._process: subprocess.Popen[str] | None = None

    def start(self, cores: Collection[int] | None = None) -> "Process":
        """Start the process, on `cores` only if given."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [*with_us(), sys.executable, *self._arguments], cwd=self._checkout, env=self._environment,
                stdin=subprocess.PIPE, stdout=log, stderr=log, text=True, start_new_session=True,
            )  # fmt: skip
        if cores:
            os.sched_setaffinity(self._process.pid, cores)
        return self

    @property
    def pid(self) -> int:
        """The id of the running process."""
        assert self._process is not None
        return self._process.pid

    def check(self) -> None:
        """Raise RuntimeError, with the end of the log, if the process has ended."""
        if self._process is None or self._process.poll() is not None:
            raise RuntimeError(f"{' '.join(self._arguments)} ended:\n{self.log.read_text()[-3000:]}")

    def wait_for_port(self, port: int) -> None:
        """Wait until the process listens on `port`."""

        def listens() -> bool:
            self.check()
            with socket.socket() as probe:
                probe.settimeout(1)
                return probe.connect_ex(("127.0.0.1", port)) == 0

        wait_until(listens, what=" ".join(self._arguments))

    def wait_for_line(self, line: str) -> None:
        """Wait until the output has the line `line`."""

        def printed() -> bool:
            self.check()
            return line in self.log.read_text().splitlines()

        wait_until(printed, what=f"{line!r} of {' '.join(self._arguments)}")

    def tell(self, line: str) -> None:
        """Write a line to the standard input of the process."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def wait(self, deadline_s: float) -> None:
        """Wait until the process ends on its own. Raises RuntimeError if it failed."""
        assert self._process is not None
        if self._process.wait(deadline_s) != 0:
            raise RuntimeError(f"{' '.join(self._arguments)} failed:\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """Send SIGTERM and, after a while, SIGKILL to the process and all that it has started."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_DEADLINE_S)


def cpu_s(pid: int) -> float:
    """Return the processor time of a running process with its threads, in seconds."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def ended_children_cpu_s() -> float:
    """Return the processor time of all processes that this one started and that have ended, with their children, in
    seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pin(pid: int, cores: Collection[int]) -> None:
    """Keep a running process, with every thread, on `cores`."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)
