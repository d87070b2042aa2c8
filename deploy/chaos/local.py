"""The local stack, as experiments break it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploy.chaos import cgroup
from deploy.chaos.experiment import Behave, Fault, Fill, Freeze, Kill, Network, Program, Starve, Throttle
from deploy.chaos.filler import fill
from deploy.chaos.hop import Hop, check_possible
from deploy.chaos.journal import Journal, Undo
from deploy.chaos.spawn import spawn
from deploy.chaos.third_party import misbehave
from deploy.local import database, stack
from deploy.local.packages import find
from deploy.local.problem import Problem
from deploy.local.processes import Process, freeze
from deploy.local.programs import programs
from deploy.local.secret import secret
from deploy.local.settings import saved
from deploy.local.supervisor_client import Supervisor

_NAMES: Mapping[Program, str] = {"database": "mariadb", "queue": "redis-queue", "cache": "redis-cache"}
_STOP_S = 20.0
_COMMAND_S = 30.0
_BACK_S = 20.0
#: The limit that a hog and its victim share, and what the hog takes of it.
_MEMORY_BYTES, _HOG_BYTES = 48 * 1024 * 1024, 96 * 1024 * 1024


@dataclass(frozen=True)
class _Running:
    name: str
    pid: int
    born: str


class LocalStack:
    """This clone's and no other. Raises Problem when it does not run."""

    def __init__(self, journal: Journal, lasts_s: float) -> None:
        supervisor = stack.running()
        if supervisor is None:
            raise Problem("the stack is not running", "make up")
        self._supervisor: Supervisor = supervisor
        self._journal = journal
        #: When everything is over for certain: nothing that runs by itself runs longer.
        self._lasts_s = lasts_s
        self._programs = {program.name: program for program in programs(saved())}
        self._hops: dict[str, Hop] = {}
        self.api = self._programs["api"].address
        self.dlq_admin = self._programs["dlq_admin"].address
        self.token = secret("operator_token")

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Hops before whatever a network fault is for."""
        for fault in faults:
            match fault:
                case Network(program) if program not in self._hops:
                    check_possible()
                    self._hops[program] = Hop(self._journal, program, self._programs[_name(program)].port)
                    self._reconnect(program)
                    self._wait_for(self._hops[program])
                case Throttle() | Starve() if os.geteuid() != 0:
                    raise Problem("limits of CPU and memory need root", "sudo make chaos-...", "or STACK=docker")
                case _:
                    pass

    def break_it(self, fault: Fault) -> None:
        """It is in force when this returns."""
        match fault:
            case Kill(program):
                self._kill(_name(program))
            case Freeze(program):
                for one in self._running(program):
                    process = _process(one)
                    self._journal.add({"how": "continue", "process": process})
                    freeze(one.pid)
            case Network(program, faults, of):
                told = dict(faults) | ({"clients": [f"holdfast.services.{of} "]} if of else {})
                hop = self._hops[program]
                self._journal.add({"how": "heal", "address": hop.control, "path": "/faults"})
                hop.set(told)
            case Behave(behaviour):
                misbehave(self._programs["third_party"].address, behaviour, self._journal, self._lasts_s)
            case Fill(program):
                fill(_output, _redis_cli(program), self._journal, self._lasts_s)
            case Starve(program):
                self._starve(self._running(program)[0])
            case Throttle(names, cores):
                self._throttle([one for name in names for one in self._running(name)], cores)

    def processes(self, program: Program) -> dict[str, str]:
        """By name; a process id with its time of birth is not used again."""
        return {one.name: f"{one.pid} {one.born}" for one in self._running(program)}

    def _running(self, program: Program) -> list[_Running]:
        """A program has one process; writers have one each."""
        name, found = _name(program), []
        for each, state in sorted(self._supervisor.states().items()):
            process = Process.of(state["pid"]) if state["statename"] == "RUNNING" else None
            if process and (each == name or (program == "writer" and each.startswith("writer-"))):
                found.append(_Running(each, process.pid, process.born))
        return found

    def _kill(self, name: str) -> None:
        self._journal.add({"how": "start", "programs": [name]})
        self._supervisor.stop([name], _STOP_S, hard=True)

    def _throttle(self, group: Sequence[_Running], cores: float) -> None:
        undo = self._group("cpu", [one.pid for one in group])
        cgroup.make(undo, "cpu", cores)
        self._hog(undo, "burn", str(self._lasts_s))

    def _starve(self, victim: _Running) -> None:
        undo = self._group("memory", [victim.pid])
        cgroup.make(undo, "memory", _MEMORY_BYTES)
        cgroup.prefer_as_victim(victim.pid)
        self._hog(undo, "memory", str(_HOG_BYTES), str(self._lasts_s))

    def _group(self, controller: cgroup.Controller, pids: list[int]) -> Undo:
        return self._journal.add(cgroup.plan(controller, f"holdfast-chaos-{os.getpid()}-{controller}", pids))

    def _hog(self, undo: Undo, *arguments: str) -> None:
        """Into the group first, then to work."""
        reader, writer = os.pipe()
        try:
            process = spawn(["deploy.chaos.hog", *arguments], self._journal.folder / "hog.log", reader)
            self._journal.add({"how": "end", "process": [process.pid, process.born, process.boot]})
            cgroup.join(undo, process.pid)
            os.write(writer, b"\n")
        finally:
            os.close(reader)
            os.close(writer)

    def _reconnect(self, program: Program) -> None:
        """End the connections there are, at the server."""
        if program == "database":
            client = [find("mariadb"), f"--socket={database.socket()}", "--batch", "--skip-column-names"]
            ask = f"SELECT id FROM information_schema.processlist WHERE user LIKE '{database.NAME}\\_%'"  # noqa: S608 - a constant
            ids = _output([*client, "-e", ask])
            kill = "".join(f"KILL CONNECTION {id};" for id in ids.split())
            subprocess.run([*client, "--force", "-e", kill], capture_output=True, timeout=_COMMAND_S, check=False)
            return
        for kind in ("normal", "pubsub"):
            _output([*_redis_cli(program), "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"])

    def _wait_for(self, hop: Hop) -> None:
        deadline = time.monotonic() + _BACK_S
        while not hop.living():
            if time.monotonic() > deadline:
                raise Problem(f"after {_BACK_S:.0f} s nobody has come back through the fault proxy")
            time.sleep(0.1)


def _redis_cli(program: Program) -> list[str]:
    """As the operator; the password is neither in it nor, so, in the journal."""
    return [sys.executable, "-m", "deploy.local", "redis", str(program)]


def _name(program: Program) -> str:
    return _NAMES.get(program, program)


def _process(one: _Running) -> list[object]:
    process = Process.of(one.pid)
    if process is None:
        raise Problem(f"{one.name} has ended")
    return [process.pid, process.born, process.boot]


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    except subprocess.TimeoutExpired as hung:
        raise Problem(f"{' '.join(command[:6])} ...: no end after {_COMMAND_S:.0f} s") from hung
    if done.returncode:
        raise Problem(f"{' '.join(command[:6])} ...: {(done.stdout + done.stderr).strip()}")
    return done.stdout
