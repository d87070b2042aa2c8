"""Mend: undo what is in the journal. Doing it twice does no harm; what cannot be undone stays in the journal."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping

from deploy.chaos import cgroup
from deploy.chaos.journal import Journal, Undo
from deploy.chaos.takeover import give_back
from deploy.compose.engine import said, wait_healthy
from deploy.local import stack
from deploy.local.postpone import postponed
from deploy.local.problem import Problem
from deploy.local.processes import Process, end
from deploy.local.programs import programs
from deploy.local.readiness import wait_ready
from deploy.local.settings import saved
from deploy.scenarios.ask import ask

_COMMAND_S = 60.0
_END_S = 5.0


def mend(journal: Journal, undos: Iterable[Undo] | None = None, told: Callable[[str], None] = lambda _: None) -> bool:
    """Undo these, or everything; the last one first. Ctrl-C cannot cut it short. False: something could not be."""
    whole = True
    with postponed():
        for undo in reversed(list(journal.read() if undos is None else undos)):
            try:
                _HOW[undo["how"]](undo)
                journal.strike(undo)
            except (Problem, OSError, KeyError, subprocess.SubprocessError) as problem:
                told(f"NOT mended: {undo}: {problem}")
                whole = False
    return whole


def _command(undo: Undo) -> None:
    """`gone`: complaints that mean that there is nothing to undo."""
    command = list(undo["command"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    complaint = (done.stdout + done.stderr).strip()
    if done.returncode and not any(text in complaint for text in undo.get("gone", ())):
        raise Problem(f"{' '.join(command)}: {complaint}")


def _end(undo: Undo) -> None:
    end([Process(*undo["process"])], _END_S)


def _continue(undo: Undo) -> None:
    process = Process(*undo["process"])
    if process.alive:
        os.kill(process.pid, signal.SIGCONT)


def _start(undo: Undo) -> None:
    supervisor = stack.running()
    if supervisor is None:
        return  # the whole stack was ended meanwhile
    wanted = [program for program in programs(saved()) if program.name in undo["programs"]]
    supervisor.start(undo["programs"])
    wait_ready(supervisor, wanted)


def _heal(undo: Undo) -> None:
    """Who is told of its faults over HTTP is told of none."""
    answer = ask(undo["address"], "PUT", undo["path"], b"{}", {"Content-Type": "application/json"})
    if answer.status not in (0, 200):  # whoever does not answer is gone, and has forgotten it
        raise Problem(f"{undo['address']}{undo['path']} says {answer.status}")


def _container(undo: Undo) -> None:
    said("start", undo["id"])
    wait_healthy([undo["service"]])


_HOW: Mapping[str, Callable[[Undo], None]] = {
    "command": _command, "end": _end, "continue": _continue, "start": _start, "heal": _heal, "cgroup": cgroup.remove,
    "container": _container, "alias": give_back,
}  # fmt: skip
