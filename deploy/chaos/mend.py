"""Mend: undo what is in the journal. Doing it twice does no harm; what cannot be undone stays in the journal."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable

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
                _undo(undo)
                journal.strike(undo)
            except (Problem, OSError, subprocess.SubprocessError) as problem:
                told(f"NOT mended: {undo}: {problem}")
                whole = False
    return whole


def _undo(undo: Undo) -> None:
    match undo["how"]:
        case "command":
            _run(undo["command"], undo.get("gone", ()))
        case "end":
            end([Process(*undo["process"])], _END_S)
        case "continue":
            process = Process(*undo["process"])
            if process.alive:
                os.kill(process.pid, signal.SIGCONT)
        case "start":
            _start(undo["programs"])
        case "heal":
            answer = ask(undo["address"], undo["method"], undo["path"], b"{}", {"Content-Type": "application/json"})
            if answer.status not in (0, 200):  # whoever does not answer has forgotten it, or is mended next
                raise Problem(f"{undo['address']}{undo['path']} says {answer.status}")
        case "cgroup":
            cgroup.remove(undo)
        case "container":
            said("start", undo["id"])
            wait_healthy([undo["service"]])
        case "alias":
            give_back(undo)
        case other:
            raise Problem(f"nobody knows how to undo {other}")


def _run(command: list[str], gone: Iterable[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    said = (done.stdout + done.stderr).strip()
    if done.returncode and not any(text in said for text in gone):
        raise Problem(f"{' '.join(command)}: {said}")


def _start(names: list[str]) -> None:
    supervisor = stack.running()
    if supervisor is None:
        return  # the whole stack was ended meanwhile
    wanted = [program for program in programs(saved()) if program.name in names]
    supervisor.start(names)
    wait_ready(supervisor, wanted)
