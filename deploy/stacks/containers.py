"""The system in containers: those that this clone's docker-compose.yml has started."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from shlex import quote
from typing import Any

from deploy.client.request import request
from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.stacks import in_containers
from deploy.stacks.engine import address, compose, containers, docker, inside, scale_writers, wait_for
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
from deploy.stacks.journal import Journal
from deploy.stacks.stack import Stack
from deploy.stacks.takeover import Takeover

_SERVICES: Mapping[str, str] = {"database": "mysql"}
#: Program -> its service and published port.
_PUBLISHED: Mapping[str, tuple[str, int]] = {
    "api": ("haproxy", 8080),
    "dlq_admin": ("dlq_admin", 8082),
    "third_party": ("third_party", 8099),
}
_PORTS: Mapping[Program, int] = {"database": 3306, "queue": 6379, "cache": 6379}
_LEDGER = ("python", "-m", "holdfast.services.dlq_admin", "ledger")
_ONE_NODE = "the system in containers has one node of each store"
_SEVERAL = ("make up HA=1", "then the same without STACK=docker")
_STOP_S = 90.0
_START_S = 60.0


class Containers(Stack):
    """The running containers of this clone. Raises Problem if they do not run, or belong to another clone."""

    def __init__(self, journal: Journal, lasts_s: float) -> None:
        super().__init__(journal, lasts_s)
        running = containers("api")
        if not running:
            raise Problem("the system does not run in containers", "make docker-run")
        labels = running[0]["Config"]["Labels"]
        home = labels.get("com.docker.compose.project.working_dir")
        if home != str(REPO):
            raise Problem(f"the containers of this project were started in {home}", f"cd {quote(str(home))}")
        self._project: str = labels["com.docker.compose.project"]
        self._image: str = running[0]["Config"]["Image"]
        self._takeovers: dict[str, Takeover] = {}
        self._addresses: dict[str, str] = {}

    def address(self, program: str) -> str:
        """Return `host:port`. Raises Problem if the port is not published."""
        if program not in self._addresses:
            if program not in _PUBLISHED:
                raise Problem(f"{program} cannot be reached from outside its network")
            self._addresses[program] = address(*_PUBLISHED[program])
        return self._addresses[program]

    @cached_property
    def operator_key(self) -> str:
        """The key that `make docker-key` prints."""
        return compose("run", "--rm", "-T", "--no-deps", "secrets", "cat", "/run/holdfast/operator/token").strip()

    def processes(self, program: Program) -> dict[str, str]:
        """Return each process by name, with its start time. A restarted container has another start time."""
        return {one["Name"]: one["State"]["StartedAt"] for one in self._running(program)}

    def pids(self) -> dict[str, int]:
        """Return an empty dict: the containers may run in a virtual machine."""
        return {}

    def primary(self, store: Store) -> str:
        """Raise Problem: no store has several nodes here."""
        raise Problem(_ONE_NODE, *_SEVERAL)

    def ledger(self) -> tuple[bool, str]:
        """Return whether the ledger balances, and its table as dlq_admin prints it."""
        try:
            return True, inside("dlq_admin", *_LEDGER).rstrip()
        except Problem as problem:
            return False, str(problem)

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Start a proxy under the name of every program that has a network fault."""
        for fault in faults:
            match fault:
                case Network(program) if program not in self._takeovers:
                    [container] = self._running(program)
                    takeover = Takeover(self._journal, container, _PORTS[program], self._image)
                    self._takeovers[program] = takeover
                    in_containers.end_connections(program, container["Id"])
                    takeover.wait_for_clients()
                case _:
                    pass

    def scale(self, writers: int) -> None:
        """Run so many writers. Closing the stack restores the former number."""
        if not any(undo["how"] == "scale-containers" for undo in self._journal.read()):
            self._journal.add({"how": "scale-containers", "writers": len(containers("writer"))})
        scale_writers(writers)

    def start_api(self, name: str, settings: Mapping[str, str]) -> None:
        """Start an api in the networks of the others, with a published port."""
        container = f"{self._project}-{name}"
        self._undo_by("rm", "--force", container, gone="No such container")
        env = [f"--env={key}={value}" for key, value in {"HOLDFAST_INSTANCE": name, **settings}.items()]
        compose("run", "--detach", "--no-deps", "--name", container, "--publish", "127.0.0.1::8080", *env, "api")
        # The api's own networks are not reachable from outside.
        docker("network", "connect", f"{self._project}_edge", container)
        at = self._addresses[name] = docker("port", container, "8080").strip()
        wait_for(lambda: "" if request(at, "GET", "/readyz").status == 200 else f"{name} is not ready", _START_S)

    def _begin(self, fault: Fault) -> None:
        match fault:
            case Stop() | Kill():
                self._take_away(fault)
            case Freeze(program, only):
                for one in self._running(program, only):
                    self._undo_by("unpause", one["Id"], gone="is not paused")
                    docker("pause", one["Id"])
            case Network(program, faults, of):
                takeover = self._takeovers[program]
                self._undo_by(*takeover.control_command("{}"), gone="is not running")
                takeover.set(dict(faults) | ({"clients": self._networks_addresses(of)} if of else {}))
            case Behave():
                self._behave(fault)
            case Fill(program):
                [one] = self._running(program)
                cli = ["docker", *in_containers.redis_cli(one["Id"])]
                fill(lambda command: docker(*command[1:]), cli, self._journal, self._lasts_s)
            case Starve(program):
                in_containers.starve(self._running(program)[0])
            case Throttle(programs, cores):
                self._throttle([one for program in programs for one in self._running(program)], cores)
            case KillPrimary() | CutOff():
                raise Problem(_ONE_NODE, *_SEVERAL)

    def _take_away(self, fault: Stop | Kill) -> None:
        service, only = _service(fault.program), fault.only if isinstance(fault, Kill) else ""
        group = self._running(fault.program, only)
        for one in group:
            self._journal.add({"how": "container", "id": one["Id"], "service": service})
        if only:
            docker("kill", *(one["Id"] for one in group))
        else:
            compose("kill" if isinstance(fault, Kill) else "stop", service, within_s=_STOP_S)

    def _running(self, program: Program, only: str = "") -> list[dict[str, Any]]:
        found = [one for one in containers(_service(program)) if only in ("", one["Name"])]
        if not found:
            raise Problem(f"no container of {_service(program)} is running", "make docker-run")
        return found

    def _networks_addresses(self, program: Program) -> list[str]:
        """Return the IP addresses of its containers in all their networks."""
        networks = [one["NetworkSettings"]["Networks"] for one in self._running(program)]
        return [about["IPAddress"] for each in networks for about in each.values() if about["IPAddress"]]

    def _undo_by(self, *command: str, gone: str) -> None:
        self._journal.add({"how": "command", "command": ["docker", *command], "gone": [gone, "No such container"]})

    def _throttle(self, group: Sequence[dict[str, Any]], cores: float) -> None:
        for one in group:
            limit = one["HostConfig"]["NanoCpus"] / 1e9 or float(docker("info", "--format", "{{.NCPU}}"))
            self._undo_by(*in_containers.stop_burning(one["Id"]), gone="is not running")
            self._undo_by("update", "--cpus", f"{limit:g}", one["Id"], gone="No such container")
            in_containers.burn(one["Id"], self._lasts_s)
            docker("update", "--cpus", f"{max(cores / len(group), 0.01):.3f}", one["Id"])


def _service(program: str) -> str:
    return _SERVICES.get(program, program)
