"""Mend: undoes what is in the journal. Undoing twice does no harm. What cannot be undone stays in the journal."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence

from deploy.client.request import request_json
from deploy.local import stack
from deploy.local.output import Problem
from deploy.local.postpone import postponed
from deploy.local.processes import Process, end
from deploy.local.programs import programs
from deploy.local.readiness import wait_ready
from deploy.local.settings import saved
from deploy.stacks import cgroup
from deploy.stacks.engine import docker, scale_writers, wait_healthy
from deploy.stacks.journal import Journal, Undo
from deploy.stacks.takeover import give_back

_COMMAND_S = 60.0
_END_S = 30.0


def mend(journal: Journal, report: Callable[[str], None] = lambda _: None) -> bool:
    """Undo everything in the journal; Ctrl-C does not interrupt it. Return False if something could not be undone,
    after calling `report` with it."""
    with postponed():
        return undo(journal, journal.read(), report)


def mend_aloud(journal: Journal, report: Callable[[str], None]) -> bool:
    """Undo everything and print what was mended. Faults that the runner ended itself are no longer in the journal."""
    with postponed():
        left = journal.read()
        if left:
            report(f"Mending: {', '.join(map(what, left))}")
        complete = undo(journal, left, report)
        if left and complete:
            report("Mended.")
        return complete


def what(undo: Undo) -> str:
    """Describe an entry in a few words."""
    match undo:
        case {"how": "start", "programs": programs}:
            return f"{' and '.join(programs)} stopped"
        case {"how": "container", "service": service}:
            return f"{service} stopped"
        case {"how": "continue", "process": [pid, *_]}:
            return f"process {pid} frozen"
        case {"how": "scale" | "scale-containers", "writers": writers}:
            return f"not {writers} writers"
        case {"how": "heal", "address": address}:
            return f"faults at {address}"
        case {"how": "command", "command": command}:
            return f"what this undoes: {' '.join(map(str, command))}"
        case _:
            return {"end": "a helper process", "cgroup": "a limit", "alias": "a taken address"}[undo["how"]]


def undo(journal: Journal, undos: Sequence[Undo], report: Callable[[str], None], *, wait: bool = True) -> bool:
    """Undo these entries, the last one first. Any thread may call it. `wait`: until what was started is ready."""
    complete = True
    for each in reversed(undos):
        try:
            _HOW[each["how"]](each)
            if wait and each["how"] in _READY:
                _READY[each["how"]](each)
            journal.strike(each)
        except (Problem, OSError, KeyError, subprocess.SubprocessError) as problem:
            report(f"NOT mended: {each}: {problem}")
            complete = False
    return complete


def _command(undo: Undo) -> None:
    """Run a command. `gone`: error messages which mean that nothing is left to undo."""
    command = list(undo["command"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    output = (done.stdout + done.stderr).strip()
    if done.returncode and not any(text in output for text in undo.get("gone", ())):
        raise Problem(f"{' '.join(command)}: {output}")


def _end(undo: Undo) -> None:
    end([Process(*undo["process"])], _END_S)


def _continue(undo: Undo) -> None:
    process = Process(*undo["process"])
    if process.alive:
        os.kill(process.pid, signal.SIGCONT)


def _start(undo: Undo) -> None:
    supervisor = stack.running()
    if supervisor is not None:  # otherwise the whole stack was stopped meanwhile
        supervisor.start(undo["programs"])


def _started(undo: Undo) -> None:
    supervisor = stack.running()
    if supervisor is not None:
        wait_ready(supervisor, [program for program in programs(saved()) if program.name in undo["programs"]])


def _scale(undo: Undo) -> None:
    supervisor = stack.running()
    if supervisor is not None:
        stack.scale(supervisor, saved(), saved().changed({"WRITERS": str(undo["writers"])}))


def _heal(undo: Undo) -> None:
    """Clear the faults of a program that takes them over HTTP."""
    response = request_json(undo["address"], "PUT", undo["path"], {})
    if response.status not in (0, 200):  # a program that does not respond is gone, and its faults with it
        raise Problem(f"{undo['address']}{undo['path']} answers {response.status}")


def _container(undo: Undo) -> None:
    docker("start", undo["id"])


_HOW: Mapping[str, Callable[[Undo], None]] = {
    "command": _command,
    "end": _end,
    "continue": _continue,
    "start": _start,
    "scale": _scale,
    "heal": _heal,
    "cgroup": cgroup.remove,
    "container": _container,
    "scale-containers": lambda undo: scale_writers(undo["writers"]),
    "alias": give_back,
}
_READY: Mapping[str, Callable[[Undo], None]] = {
    "start": _started,
    "container": lambda undo: wait_healthy([undo["service"]]),
}
