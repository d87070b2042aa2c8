"""The system in containers as scenarios see it."""

import time
from collections.abc import Mapping
from types import TracebackType

from deploy.announce import Announcement, Announcer, target_of
from deploy.compose.engine import address, compose, containers, said, wait_healthy
from deploy.local.postpone import postponed
from deploy.local.problem import Problem
from deploy.scenarios.ask import ask

#: What scenarios call the stores -> services of docker-compose.yml.
_SERVICES = {"mariadb": "mysql", "redis-queue": "queue", "redis-cache": "cache"}
_PORTS = {"api": ("haproxy", 8080), "dlq_admin": ("dlq_admin", 8082), "third_party": ("third_party", 8099)}
_START_S = 60.0
_STOP_S = 90.0
_POLL_S = 0.2


class ComposeStack:
    """`with` it: however it ends, what was stopped runs again and what was put beside it is gone."""

    def __init__(self, fault: str) -> None:
        """`fault`: what its outages are announced as. Raises Problem when it does not run."""
        if not containers("api"):
            raise Problem("the system does not run in containers", "make docker-run")
        self._addresses = {name: address(*port) for name, port in _PORTS.items() if containers(port[0])}
        self._fault = fault
        self._announcer = Announcer(f"http://{address(*_PORTS['dlq_admin'])}", _operator_key())
        self._announced: dict[str, Announcement] = {}
        self._down: list[str] = []
        self._beside: list[str] = []

    def __enter__(self) -> "ComposeStack":
        """Nothing is down yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Everything is up again. Ctrl-C cannot cut it short."""
        with postponed():
            for announcement in self._announced.values():
                announcement.end()
            if self._beside:
                said("rm", "--force", *self._beside)
            self.start(list(self._down))

    def address(self, program: str) -> str:
        """`host:port`. Raises Problem for what is not published, or not there."""
        if program not in self._addresses:
            raise Problem(f"{program} cannot be reached from here", "make docker-run")
        return self._addresses[program]

    def stop(self, names: list[str]) -> None:
        """Returns when they are gone. Raises Problem."""
        for name in names:
            self._announced[name] = self._announcer.begin(self._fault, target_of(name))
        self._down += names
        compose("stop", *(_SERVICES.get(name, name) for name in names), within_s=_STOP_S)

    def start(self, names: list[str]) -> None:
        """Returns when they are ready. Raises Problem."""
        services = [_SERVICES.get(name, name) for name in names]
        if services:
            compose("start", *services)
            wait_healthy(services)
        for name in names:
            self._announced.pop(name).end()
        self._down = [name for name in self._down if name not in names]

    def beside(self, name: str, settings: Mapping[str, str]) -> None:
        """Start an api under this name. Raises Problem."""
        project = containers("api")[0]["Config"]["Labels"]["com.docker.compose.project"]
        container = f"{project}-{name}"
        self._beside.append(container)
        told = [f"--env={key}={value}" for key, value in {"HOLDFAST_INSTANCE": name, **settings}.items()]
        compose("run", "--detach", "--no-deps", "--name", container, "--publish", "127.0.0.1::8080", *told, "api")
        # The api's own networks have no way in.
        said("network", "connect", f"{project}_edge", container)
        self._addresses[name] = said("port", container, "8080").strip()
        deadline = time.monotonic() + _START_S
        while ask(self._addresses[name], "GET", "/readyz", None, {}).status != 200:
            if time.monotonic() > deadline:
                raise Problem(f"{name} is not ready after {_START_S:.0f} s", f"docker logs {container}")
            time.sleep(_POLL_S)

    def ledger(self) -> tuple[bool, str]:
        """As dlq_admin has it."""
        try:
            return True, compose(
                "exec", "-T", "dlq_admin", "python", "-m", "holdfast.services.dlq_admin", "ledger"
            ).rstrip()
        except Problem as problem:
            return False, str(problem)


def _operator_key() -> str:
    return compose("run", "--rm", "--no-deps", "-T", "secrets", "cat", "/run/holdfast/operator/token").strip()
