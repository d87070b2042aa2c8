"""The system as local processes, under the supervisor of `make up`."""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

from deploy.client.request import request
from deploy.local import nodes, processes, sentinel, stack
from deploy.local.output import Problem
from deploy.local.places import LOGS, REPO, VENV_PYTHON
from deploy.local.ports import free_port
from deploy.local.processes import Process, freeze
from deploy.local.programs import programs
from deploy.local.secret import secret
from deploy.local.services import address, service_env
from deploy.local.settings import LOOPBACK, StackSettings, saved
from deploy.local.supervisor_client import Supervisor
from deploy.stacks import cgroup
from deploy.stacks.faults import (
    Behave,
    CutOff,
    Fault,
    Fill,
    Freeze,
    Kill,
    KillPrimary,
    Network,
    Program,
    Starve,
    Stop,
    Store,
    Throttle,
)
from deploy.stacks.filler import fill
from deploy.stacks.hops import Hops, output, redis_cli
from deploy.stacks.journal import Journal, Undo
from deploy.stacks.spawn import spawn, undo_of
from deploy.stacks.stack import Stack

#: The longest time that a program may take to stop in good order: the database's `stop_wait_s` and a margin.
_STOP_S = 75.0
_COMMAND_S = 60.0
_START_S = 30.0
_BACK_S = 20.0
_POLL_S = 0.1
#: A network fault that lets nothing through.
_SILENT = {"blackhole": True}
#: The memory limit that a hog and its victim share, and how much the hog takes.
_MEMORY_BYTES, _HOG_BYTES = 48 * 1024 * 1024, 96 * 1024 * 1024


@dataclass(frozen=True)
class _Running:
    name: str
    process: Process


class Processes(Stack):
    """The processes of this clone."""

    def __init__(self, journal: Journal, lasts_s: float) -> None:
        super().__init__(journal, lasts_s)
        self._check_running()
        self._settings = saved()
        self._programs = {program.name: program for program in programs(self._settings)}
        self._nodes = _nodes(self._settings)
        self._addresses = {name: program.address for name, program in self._programs.items()}
        self._addresses |= {name: self._addresses[nodes[0]] for name, nodes in self._nodes.items()}
        self._addresses |= {name: address(self._settings, name) for name in ("api", "dlq_admin", "external_proxy")}
        self._hops = Hops(journal, {name: program.port for name, program in self._programs.items()})

    def _check_running(self) -> Supervisor:
        supervisor = stack.running()
        if supervisor is None:
            raise Problem("the stack is not running", "make up", "or STACK=docker, for one that docker compose runs")
        return supervisor

    @property
    def _supervisor(self) -> Supervisor:
        """A new connection to the supervisor, because a connection is for one thread only."""
        return self._check_running()

    def address(self, program: str) -> str:
        """Return `host:port`."""
        if program not in self._addresses:
            raise Problem(f"there is no {program} in this stack", "make status")
        return self._addresses[program]

    @cached_property
    def operator_key(self) -> str:
        """The key that `make up` shows."""
        return secret("operator_token")

    def processes(self, program: Program) -> dict[str, str]:
        """Return each process by name, with its id and start time, which together are never used again."""
        return {one.name: f"{one.process.pid} {one.process.born}" for one in self._running(program)}

    def pids(self) -> dict[str, int]:
        """Return the process ids of every program."""
        found = {program.name: processes.recorded(program.name) for program in programs(saved())}
        return {name: process.pid for name, process in found.items() if process}

    def primary(self, store: Store) -> str:
        """Return the queue's primary as Sentinel knows it, or the first running node of the database in the order of
        DB_DSN."""
        if not self._settings.ha:
            raise Problem(f"this stack has one node of the {store}", "make down", "make up HA=1")
        if store == "database":
            return self._running(store)[0].name
        port = sentinel.primary_port(self._settings)
        return next(name for name in self._nodes[store] if self._programs[name].port == port)

    def ledger(self) -> tuple[bool, str]:
        """Return whether the ledger balances, and its table as `make ledger` prints it."""
        env = os.environ | service_env(self._settings, "dlq_admin") | {"HOLDFAST_LISTEN_HOST": LOOPBACK}
        command = [str(VENV_PYTHON), "-m", "holdfast.services.dlq_admin", "ledger"]
        done = subprocess.run(
            command, cwd=REPO, env=env, capture_output=True, text=True, timeout=_COMMAND_S, check=False
        )
        return done.returncode == 0, (done.stdout + done.stderr).rstrip()

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Insert a hop in front of every program that has a network fault."""
        for fault in faults:
            match fault:
                case Network(program):
                    self._hops.insert(program, self._names(program))
                case CutOff():
                    self._hops.insert("queue", [self.primary("queue")])
                case KillPrimary(store):
                    self.primary(store)
                case Throttle() | Starve() if os.geteuid() != 0:
                    raise Problem("limits of CPU and memory need root", "sudo make chaos-...", "or STACK=docker")
                case _:
                    pass

    def scale(self, writers: int) -> None:
        """Run so many writers. Closing the stack restores the former number."""
        if not any(undo["how"] == "scale" for undo in self._journal.read()):
            self._journal.add({"how": "scale", "writers": saved().writers})
        stack.scale(self._supervisor, saved(), saved().changed({"WRITERS": str(writers)}))

    def start_api(self, name: str, settings: Mapping[str, str]) -> None:
        """Start an api on a free port, with the running stack's stores."""
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
            case Stop() | Kill() | KillPrimary():
                self._take_away(fault)
            case Freeze(program, only):
                for one in self._running(program, only):
                    self._journal.add(undo_of(one.process) | {"how": "continue"})
                    freeze(one.process.pid)
            case Network() | CutOff():
                self._disturb(fault)
            case Behave():
                self._behave(fault)
            case Fill(program):
                self._fill(program)
            case Starve(program):
                self._starve(self._running(program)[0])
            case Throttle(names, cores):
                self._throttle([one for name in names for one in self._running(name)], cores)

    def _fill(self, program: Program) -> None:
        """Fill a Redis. For the queue that is its current primary, which gets its limit back even if it is no longer
        the primary then."""
        rewritten = bool(self._settings.ha) and program == "queue"
        node = self.primary("queue") if rewritten else program
        fill(output, redis_cli(node), self._journal, self._lasts_s, now=redis_cli(program), rewritten=rewritten)

    def _running(self, program: Program, only: str = "") -> list[_Running]:
        """Return the program's running processes, in order."""
        found, states = [], self._supervisor.states()
        for name in [only] if only else self._names(program, states):
            state = states.get(name, {"statename": "ABSENT", "pid": 0})
            process = Process.of(state["pid"]) if state["statename"] == "RUNNING" else None
            if process:
                found.append(_Running(name, process))
        return found

    def _names(self, program: Program, states: Iterable[str] = ()) -> list[str]:
        """Return the names of the program's processes. Writers come and go while the stack runs."""
        if program == "writer":
            return sorted(name for name in states or self._supervisor.states() if name.startswith("writer-"))
        return self._nodes.get(program, [program])

    def _disturb(self, fault: Network | CutOff) -> None:
        if isinstance(fault, CutOff):
            # Replicas and Sentinels are connected programs too, but no clients.
            self._hops.set(self.primary("queue"), {"up": _SILENT, "down": _SILENT, "clients": ["redis-server "]})
            return
        only = {"clients": [f"holdfast.services.{fault.of} "]} if fault.of else {}
        for name in self._names(fault.program):
            self._hops.set(name, dict(fault.faults) | only)

    def _take_away(self, fault: Stop | Kill | KillPrimary) -> None:
        match fault:
            case KillPrimary(store):
                names = [self.primary(store)]
            case Kill(_, only) if only:
                names = [only]
            case Stop(program) | Kill(program):
                names = self._names(program)
        self._journal.add({"how": "start", "programs": names})
        if not isinstance(fault, Stop):
            self._supervisor.stop(names, _STOP_S, hard=True)
            return
        # One after another, so that the last node of a cluster knows that it is the last.
        for name in reversed(names):
            self._supervisor.stop([name], _STOP_S)

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
        """Start a hog, which waits for a line on its standard input until it is in the group."""
        reader, writer = os.pipe()
        try:
            process = spawn(["deploy.stacks.hog", *arguments], self._journal.folder / "hog.log", stdin=reader)
            self._journal.add(undo_of(process))
            cgroup.join(undo, process.pid)
            os.write(writer, b"\n")
        finally:
            os.close(reader)
            os.close(writer)


def _nodes(settings: StackSettings) -> dict[str, list[str]]:
    """Return the processes of each part that may have several."""
    found: dict[str, list[str]] = {"cache": ["redis-cache"]}
    for store in get_args(Store):
        found[store] = [node.name for node in nodes.stores(settings, store)]
    for service in get_args(nodes.Replicated):
        found[service] = [node.name for node in nodes.replicas(settings, service)]
    return found
