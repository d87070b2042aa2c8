"""The takeover: a fault proxy in front of a server that runs in a container, put there and removed without a restart.

The proxy joins the server's networks under the server's name, and the server gets another name there. Clients connect
by name, so they come through the proxy. No special rights are needed.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deploy.local.output import Problem
from deploy.local.places import REPO
from deploy.stacks.engine import docker, service_of
from deploy.stacks.journal import Journal, Undo

_CONTROL_PORT = 3900
_START_S = 30.0
_BACK_S = 60.0
_POLL_S = 0.2


class Takeover:
    """A takeover of one container."""

    def __init__(self, journal: Journal, container: dict[str, Any], port: int, image: str) -> None:
        """Prepare a takeover. `image`: any image with Python in it."""
        service = service_of(container)
        self._name = f"{container['Config']['Labels']['com.docker.compose.project']}-chaos-{service}"
        networks = {
            name: aliases
            for name, about in container["NetworkSettings"]["Networks"].items()
            if service in (aliases := about["Aliases"] or [])
        }
        remove = ["docker", "rm", "--force", self._name]
        journal.add({"how": "command", "command": remove, "gone": ["No such container"]})
        self._run(list(networks), service, port, image)
        for network, aliases in networks.items():
            undo = {"how": "alias", "network": network, "container": container["Id"], "aliases": aliases}
            journal.add(undo)
            connect(network, container["Id"], [_behind(service)])
            # Only now: with two of one name, clients would meet either.
            connect(network, self._name, [service])

    def set(self, faults: Mapping[str, Any]) -> None:
        """Apply exactly these faults, to existing connections too."""
        docker(*self.control_command(json.dumps(faults)))

    def control_command(self, *faults: str) -> list[str]:
        """Return the arguments of `docker` that set the proxy's faults, given as JSON, or print them."""
        return ["exec", self._name, "python", "-m", "deploy.faults.control_client", str(_CONTROL_PORT), *faults]

    def _run(self, networks: Sequence[str], service: str, port: int, image: str) -> None:
        behind = f"{_behind(service)}:{port}"
        confined = ("--read-only", "--cap-drop", "ALL", "--user", "10001:10001", "--memory", "96m")
        code = ("--volume", f"{REPO}/deploy/faults:/app/deploy/faults:ro", "--workdir", "/app")
        program = ("--to", behind, "--listen", f"0.0.0.0:{port}", "--control", str(_CONTROL_PORT))
        container = ("--detach", "--name", self._name, "--network", networks[0], *confined, *code)
        docker("run", *container, "--entrypoint", "python", image, "-m", "deploy.faults", *program)
        for network in networks[1:]:
            docker("network", "connect", network, self._name)
        self._wait(lambda _: True, _START_S, "the fault proxy does not respond")

    def wait_for_clients(self) -> None:
        """Return when a connection goes through it. Raises Problem."""
        self._wait(lambda state: state["connections"] > 0, _BACK_S, "no client has reconnected through the fault proxy")

    def _wait(self, fine: Callable[[Any], bool], within_s: float, what: str) -> None:
        deadline = time.monotonic() + within_s
        while True:
            try:
                if fine(json.loads(docker(*self.control_command()))):
                    return
            except Problem:
                pass  # not yet
            if time.monotonic() > deadline:
                raise Problem(f"after {within_s:.0f} s {what}", f"docker logs {self._name}")
            time.sleep(_POLL_S)


def connect(network: str, container: str, aliases: Sequence[str], *, joined: bool = True) -> None:
    """Join a network under these names only."""
    if joined:
        docker("network", "disconnect", network, container)
    docker("network", "connect", *(f"--alias={alias}" for alias in aliases), network, container)


def give_back(undo: Undo) -> None:
    """Give the server the names it had."""
    [about] = json.loads(docker("inspect", undo["container"]))
    now = about["NetworkSettings"]["Networks"].get(undo["network"])
    names = [alias for alias in undo["aliases"] if not undo["container"].startswith(alias)]
    if now is None or not set(names) <= set(now["Aliases"] or []):
        connect(undo["network"], undo["container"], names, joined=now is not None)


def _behind(service: str) -> str:
    return f"{service}-behind-chaos"
