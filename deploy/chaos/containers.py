"""The system in containers, as experiments break it: what this clone's docker-compose.yml has started, and no other."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from deploy.chaos.experiment import Behave, Fault, Fill, Freeze, Kill, Network, Program, Starve, Throttle
from deploy.chaos.filler import fill
from deploy.chaos.journal import Journal
from deploy.chaos.takeover import Takeover
from deploy.chaos.third_party import misbehave
from deploy.compose.engine import address, compose, containers, said
from deploy.local.places import REPO
from deploy.local.problem import Problem

_SERVICES: Mapping[Program, str] = {"database": "mysql"}
_PORTS: Mapping[Program, int] = {"database": 3306, "queue": 6379, "cache": 6379}
_FLAG = "/tmp/chaos-burner"  # noqa: S108 - in a container, on a file system of its own
#: Until its flag is taken away; `{seconds}` at most.
_BURN = f"""
import os, time
open({_FLAG!r}, "w").close()
end = time.monotonic() + {{seconds}}
while time.monotonic() < end and os.path.exists({_FLAG!r}):
    for _ in range(100000): pass
"""
#: The service itself is the kernel's first choice; `{megabytes}` are more than the container may have.
_HOG = """
import time
open("/proc/1/oom_score_adj", "w").write("1000")
held = []
for _ in range({megabytes}):
    held.append(b"x" * 1048576)
    time.sleep(0.002)
time.sleep(5)
"""
#: Everybody's but the administrator's own.
_KILL_ALL = """
export MYSQL_PWD="$(cat /run/holdfast/mysql/root_password)"
mysql -h 127.0.0.1 -u root -N -e 'SHOW PROCESSLIST' | while read -r id user rest; do
case "$user" in holdfast_*) echo "KILL $id;";; esac; done |
mysql -h 127.0.0.1 -u root --force 2>/dev/null; true
"""
#: redis-cli as the operator; the password stays in the container.
_CLI = 'REDISCLI_AUTH="$(cat /run/holdfast/redis/operator)" exec redis-cli --user operator "$@"'
_MIB = 1024 * 1024


class ContainerStack:
    """Raises Problem when it does not run, or belongs to another clone."""

    def __init__(self, journal: Journal, lasts_s: float) -> None:
        running = containers("api", "haproxy", "dlq_admin")
        if not running:
            raise Problem("the system does not run in containers", "make docker-run")
        home = running[0]["Config"]["Labels"].get("com.docker.compose.project.working_dir")
        if home != str(REPO):
            raise Problem(f"the containers of this project were started in {home}", f"cd {home}")
        self._journal = journal
        self._lasts_s = lasts_s
        self._takeovers: dict[str, Takeover] = {}
        self._image = running[0]["Config"]["Image"]
        self.api = address("haproxy", 8080)
        self.dlq_admin = address("dlq_admin", 8082)
        self.token = compose("run", "--rm", "-T", "--no-deps", "secrets", "cat", "/run/holdfast/operator/token").strip()

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Proxies under the names of whatever a network fault is for."""
        for fault in faults:
            match fault:
                case Network(program) if program not in self._takeovers:
                    [container] = self._running(program)
                    takeover = Takeover(self._journal, container, _PORTS[program], self._image)
                    self._takeovers[program] = takeover
                    _reconnect(program, container["Id"])
                    takeover.wait_for_somebody()
                case _:
                    pass

    def break_it(self, fault: Fault) -> None:
        """It is in force when this returns."""
        match fault:
            case Kill(program):
                self._kill(program)
            case Freeze(program):
                self._freeze(program)
            case Network(program, faults, of):
                self._cut(self._takeovers[program], dict(faults) | ({"clients": self._addresses(of)} if of else {}))
            case Behave(behaviour):
                misbehave(address("third_party", 8099), behaviour, self._journal, self._lasts_s)
            case Fill(program):
                [one] = self._running(program)
                fill(_run, ["docker", *_redis_cli(one["Id"])], self._journal, self._lasts_s)
            case Starve(program):
                _starve(self._running(program)[0])
            case Throttle(programs, cores):
                self._throttle([one for program in programs for one in self._running(program)], cores)

    def processes(self, program: Program) -> dict[str, str]:
        """By name; a container that was started again has another start."""
        return {one["Name"]: one["State"]["StartedAt"] for one in self._running(program)}

    def _running(self, program: Program) -> list[dict[str, Any]]:
        found = containers(_service(program))
        if not found:
            raise Problem(f"no container of {_service(program)} is running", "make docker-run")
        return found

    def _addresses(self, program: Program) -> list[str]:
        """Of its containers, in every network they are in."""
        networks = [one["NetworkSettings"]["Networks"] for one in self._running(program)]
        return [about["IPAddress"] for each in networks for about in each.values() if about["IPAddress"]]

    def _undo_by(self, *command: str, gone: str) -> None:
        self._journal.add({"how": "command", "command": ["docker", *command], "gone": [gone, "No such container"]})

    def _kill(self, program: Program) -> None:
        for one in self._running(program):
            self._journal.add({"how": "container", "id": one["Id"], "service": _service(program)})
            said("kill", "--signal", "KILL", one["Id"])

    def _freeze(self, program: Program) -> None:
        for one in self._running(program):
            self._undo_by("unpause", one["Id"], gone="is not paused")
            said("pause", one["Id"])

    def _cut(self, takeover: Takeover, faults: Mapping[str, Any]) -> None:
        self._undo_by(*takeover.tell_command("{}"), gone="is not running")
        takeover.set(faults)

    def _throttle(self, group: Sequence[dict[str, Any]], cores: float) -> None:
        for one in group:
            limit = one["HostConfig"]["NanoCpus"] / 1e9 or float(said("info", "--format", "{{.NCPU}}"))
            self._undo_by("exec", one["Id"], "rm", "-f", _FLAG, gone="is not running")
            self._undo_by("update", "--cpus", f"{limit:g}", one["Id"], gone="No such container")
            said("exec", "--detach", one["Id"], "python", "-c", _BURN.format(seconds=self._lasts_s))
            said("update", "--cpus", f"{max(cores / len(group), 0.01):.3f}", one["Id"])


def _starve(one: dict[str, Any]) -> None:
    limit = one["HostConfig"]["Memory"]
    if not limit:
        raise Problem(f"{one['Name']} has no memory limit: a hog in it would take the host's memory")
    said("exec", "--detach", one["Id"], "python", "-c", _HOG.format(megabytes=limit // _MIB + 64))


def _reconnect(program: Program, container: str) -> None:
    """End the connections there are, at the server: it keeps its address, so they would go on past the proxy."""
    if program == "database":
        said("exec", container, "sh", "-c", _KILL_ALL)
        return
    for kind in ("normal", "pubsub"):
        said(*_redis_cli(container), "-e", "CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")


def _redis_cli(container: str) -> list[str]:
    """After `docker`."""
    return ["exec", container, "sh", "-c", _CLI, "redis-cli"]


def _run(command: Sequence[str]) -> str:
    return said(*command[1:])


def _service(program: Program) -> str:
    return _SERVICES.get(program, program)
