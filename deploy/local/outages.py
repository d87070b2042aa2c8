"""Outages: programs of the running stack that are down on purpose. However it ends, they are up again."""

import contextlib
import os
import signal
from collections.abc import Iterable
from types import TracebackType

from deploy.local.postpone import postponed
from deploy.local.processes import freeze
from deploy.local.programs import programs
from deploy.local.readiness import wait_ready
from deploy.local.settings import StackSettings
from deploy.local.supervisor_client import Supervisor

#: The longest that a program may take to stop in good order: the database's `stop_wait_s`, and a little.
_STOP_S = 75.0


class Outages:
    """`with Outages(supervisor, settings) as outages: outages.begin(["mariadb"])`. Methods raise Problem."""

    def __init__(self, supervisor: Supervisor, settings: StackSettings) -> None:
        self._supervisor = supervisor
        self._programs = {program.name: program for program in programs(settings)}
        self._down: list[str] = []
        self._frozen: list[int] = []

    def __enter__(self) -> "Outages":
        """Nothing is down yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Everything is up again. Ctrl-C cannot cut it short."""
        with postponed():
            self.thaw()
            self.end(list(self._down))

    def begin(self, names: Iterable[str], *, hard: bool = False) -> None:
        """Stop these (`hard`: with kill -9); returns when they are gone. The supervisor leaves them alone."""
        names = list(names)
        self._down += names  # before: a Ctrl-C in the middle must not leave one behind
        self._supervisor.stop(names, _STOP_S, hard=hard)

    def freeze(self, names: Iterable[str]) -> None:
        """They keep their connections and do nothing any more."""
        for pid in self._supervisor.pids(names):
            self._frozen.append(pid)
            freeze(pid)

    def thaw(self) -> None:
        """They go on."""
        while self._frozen:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._frozen[-1], signal.SIGCONT)
            self._frozen.pop()

    def end(self, names: Iterable[str]) -> None:
        """Start these; returns when they are ready."""
        names = list(names)
        if names:
            self._supervisor.start(names)
            wait_ready(self._supervisor, [self._programs[name] for name in names])
        self._down = [name for name in self._down if name not in names]
