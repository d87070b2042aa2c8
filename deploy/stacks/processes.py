"""The system as local processes, under the supervisor of `make up`."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from deploy.client.request import request
from deploy.local import database, processes, stack
from deploy.local.output import Problem
from deploy.local.packages import find
from deploy.local.places import LOGS, REPO, VENV_PYTHON
from deploy.local.ports import free_port
from deploy.local.processes import Process, freeze
from deploy.local.programs import programs
from deploy.local.secret import secret
from deploy.local.services import service_env
from deploy.local.settings import LOOPBACK, saved
from deploy.local.supervisor_client import Supervisor
from deploy.stacks import cgroup
from deploy.stacks.faults import Behave, Fault, Fill, Freeze, Kill, Network, Program, Starve, Stop, Throttle
from deploy.stacks.filler import fill
from deploy.stacks.hop import Hop, check_possible
from deploy.stacks.journal import Journal, Undo
from deploy.stacks.spawn import spawn, undo_of
from deploy.stacks.stack import Stack

_NAMES: Mapping[str, str] = {"database": "mariadb", "queue": "redis-queue", "cache": "redis-cache"}
#: The longest that a program may take to stop in good order: the database's `stop_wait_s`, and a little.
_STOP_S = 75.0
_COMMAND_S = 60.0
_START_S = 30.0
_BACK_S = 20.0
_POLL_S = 0.1
#: The limit that a hog and its victim share, and how much the hog takes.
_MEMORY_BYTES, _HOG_BYTES = 48 * 1024 * 1024, 96 * 1024 * 1024


@dataclass(frozen=True)
class _Running:
    name: str
    process: Process


class Processes(Stack):
    """This clone's processes and no others."""

    def __init__(self, journal: Journal, lasts_s: float) -> None:
        super().__init__(journal, lasts_s)
        supervisor = stack.running()
        if supervisor is None:
            raise Problem("the stack is not running", "make up", "or STACK=docker, for one that docker compose runs")
        self._supervisor: Supervisor = supervisor
        self._settings = saved()
        self._programs = {program.name: program for program in programs(self._settings)}
        self._addresses = {name: program.address for name, program in self._programs.items()}
        self._hops: dict[str, Hop] = {}

    def address(self, program: str) -> str:
        """`host:port`."""
        name = _NAMES.get(program, program)
        if name not in self._addresses:
            raise Problem(f"there is no {program} in this stack", "make status")
        return self._addresses[name]

    @cached_property
    def operator_key(self) -> str:
        """The one that `make up` shows."""
        return secret("operator_token")

    def processes(self, program: Program) -> dict[str, str]:
        """By name; a process id with its start time is never used again."""
        return {one.name: f"{one.process.pid} {one.process.born}" for one in self._running(program)}

    def pids(self) -> dict[str, int]:
        """Of every program."""
        found = {program.name: processes.recorded(program.name) for program in programs(saved())}
        return {name: process.pid for name, process in found.items() if process}

    def ledger(self) -> tuple[bool, str]:
        """As `make ledger` prints it."""
        env = os.environ | service_env(self._settings, "dlq_admin") | {"HOLDFAST_LISTEN_HOST": LOOPBACK}
        command = [str(VENV_PYTHON), "-m", "holdfast.services.dlq_admin", "ledger"]
        done = subprocess.run(
            command, cwd=REPO, env=env, capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
        return done.returncode == 0, (done.stdout + done.stderr).rstrip()

    def prepare(self, faults: Iterable[Fault]) -> None:
        """A hop before every program that a network fault is for."""
        for fault in faults:
            match fault:
                case Network(program) if program not in self._hops:
                    check_possible()
                    hop = Hop(self._journal, program, self._programs[_name(program)].port)
                    self._hops[program] = hop
                    self._reconnect(program)
                    _wait_for_clients(hop)
                case Throttle() | Starve() if os.geteuid() != 0:
                    raise Problem("limits of CPU and memory need root", "sudo make chaos-...", "or STACK=docker")
                case _:
                    pass

    def scale(self, writers: int) -> None:
        """So many writers; as many as before when the stack is closed."""
        if not any(undo["how"] == "scale" for undo in self._journal.read()):
            self._journal.add({"how": "scale", "writers": saved().writers})
        stack.scale(self._supervisor, saved(), saved().changed({"WRITERS": str(writers)}))

    def start_api(self, name: str, settings: Mapping[str, str]) -> None:
        """On a free port, with the running stack's stores."""
        port = free_port()
        own = {"HOLDFAST_LISTEN_HOST": LOOPBACK, "HOLDFAST_API_PORT": str(port), "HOLDFAST_INSTANCE": name}
        env = service_env(self._settings, "api") | own | dict(settings)
        log = LOGS / f"{name}.log"
        process = spawn(["holdfast.services.api"], log, python=str(VENV_PYTHON), env=env)
        self._journal.add(undo_of(process))
        address = self._addresses[name] = f"{LOOPBACK}:{port}"
        deadline = time.monotonic() + _START_S
        while request(address, "GET", "/readyz").status != 200:
            if not process.alive or time.monotonic() > deadline:
                what = f"is not ready after {_START_S:.0f} s" if process.alive else "ended"
                raise Problem(f"{name} {what}", f"see {log.relative_to(REPO)}")
            time.sleep(_POLL_S)

    def _begin(self, fault: Fault) -> None:
        match fault:
            case Stop(program) | Kill(program):
                self._journal.add({"how": "start", "programs": [_name(program)]})
                self._supervisor.stop([_name(program)], _STOP_S, hard=isinstance(fault, Kill))
            case Freeze(program):
                for one in self._running(program):
                    self._journal.add(undo_of(one.process) | {"how": "continue"})
                    freeze(one.process.pid)
            case Network(program, faults, of):
                hop = self._hops[program]
                self._journal.add({"how": "heal", "address": hop.control, "path": "/faults"})
                hop.set(dict(faults) | ({"clients": [f"holdfast.services.{of} "]} if of else {}))
            case Behave():
                self._behave(fault)
            case Fill(program):
                fill(_output, _redis_cli(program), self._journal, self._lasts_s)
            case Starve(program):
                self._starve(self._running(program)[0])
            case Throttle(names, cores):
                self._throttle([one for name in names for one in self._running(name)], cores)

    def _running(self, program: Program) -> list[_Running]:
        """A program has one process; writers have one each."""
        name, found = _name(program), []
        for each, state in sorted(self._supervisor.states().items()):
            process = Process.of(state["pid"]) if state["statename"] == "RUNNING" else None
            if process and (each == name or (program == "writer" and each.startswith("writer-"))):
                found.append(_Running(each, process))
        return found

    def _throttle(self, group: Sequence[_Running], cores: float) -> None:
        undo = self._group("cpu", group)
        cgroup.make(undo, "cpu", cores)
        self._hog(undo, "burn", str(self._lasts_s))

    def _starve(self, victim: _Running) -> None:
        undo = self._group("memory", [victim])
        cgroup.make(undo, "memory", _MEMORY_BYTES)
        cgroup.prefer_as_victim(victim.process.pid)
        self._hog(undo, "memory", str(_HOG_BYTES), str(self._lasts_s))

    def _group(self, controller: cgroup.Controller, members: Sequence[_Running]) -> Undo:
        pids = [one.process.pid for one in members]
        return self._journal.add(cgroup.plan(controller, f"holdfast-chaos-{os.getpid()}-{controller}", pids))

    def _hog(self, undo: Undo, *arguments: str) -> None:
        """It waits for a line on its standard input, until it is in the group."""
        reader, writer = os.pipe()
        try:
            process = spawn(["deploy.stacks.hog", *arguments], self._journal.folder / "hog.log", stdin=reader)
            self._journal.add(undo_of(process))
            cgroup.join(undo, process.pid)
            os.write(writer, b"\n")
        finally:
            os.close(reader)
            os.close(writer)

    def _reconnect(self, program: Program) -> None:
        """End the existing connections, at the server."""
        if program == "database":
            client = [find("mariadb"), f"--socket={database.socket()}", "--batch", "--skip-column-names"]
            query = f"SELECT id FROM information_schema.processlist WHERE user LIKE '{database.NAME}\\_%'"  # noqa: S608 - a constant
            kill = "".join(f"KILL CONNECTION {id};" for id in _output([*client, "-e", query]).split())
            subprocess.run([*client, "--force", "-e", kill], capture_output=True, timeout=_COMMAND_S, check=False)
            return
        for kind in ("normal", "pubsub"):
            _output([*_redis_cli(program), "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes"])


def _wait_for_clients(hop: Hop) -> None:
    deadline = time.monotonic() + _BACK_S
    while not hop.connections():
        if time.monotonic() > deadline:
            raise Problem(f"after {_BACK_S:.0f} s no client has reconnected through the fault proxy")
        time.sleep(_POLL_S)


def _redis_cli(program: Program) -> list[str]:
    """As the operator; the password is not in it, and so not in the journal."""
    return [sys.executable, "-m", "deploy.local", "redis", str(program)]


def _name(program: Program) -> str:
    return _NAMES.get(program, program)


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=_COMMAND_S, check=False)
    except subprocess.TimeoutExpired as hung:
        raise Problem(f"{' '.join(command[:6])} ...: no end after {_COMMAND_S:.0f} s") from hung
    if done.returncode:
        raise Problem(f"{' '.join(command[:6])} ...: {(done.stdout + done.stderr).strip()}")
    return done.stdout
