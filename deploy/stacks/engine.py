"""Commands to Docker and Docker Compose, each with a time limit. The project is that of docker-compose.yml, or the one
that COMPOSE_PROJECT_NAME names."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

from deploy.local.output import Problem
from deploy.local.places import REPO

_POLL_S = 0.3
_LONG_S = 600.0
_HEALTHY_S = 240.0


def docker(*command: str, within_s: float = 60.0) -> str:
    """Return the output of `docker COMMAND`. Raises Problem with its error message."""
    try:
        done = subprocess.run(
            ("docker", *command), cwd=REPO, capture_output=True, text=True, timeout=within_s, check=False
        )
    except FileNotFoundError:
        raise Problem("docker is not installed", "https://docs.docker.com/engine/install/") from None
    except subprocess.TimeoutExpired:
        raise Problem(f"docker {' '.join(command[:3])} took more than {within_s:.0f} s") from None
    if done.returncode:
        raise Problem(f"docker {' '.join(command[:4])}: {(done.stderr or done.stdout).strip()[-1000:]}")
    return done.stdout


def compose(*command: str, within_s: float = _LONG_S) -> str:
    """Return the output of `docker compose COMMAND`. Raises Problem."""
    return docker("compose", *command, within_s=within_s)


def containers(*services: str, running_only: bool = True) -> list[dict[str, Any]]:
    """Return `docker inspect` of the containers of these services, or of all services if none is given."""
    ids = compose("ps", "--quiet", *(() if running_only else ("--all",)), *services).split()
    return list(json.loads(docker("inspect", *ids))) if ids else []


def service_of(container: dict[str, Any]) -> str:
    """Return the service that a container belongs to."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


def health_of(container: dict[str, Any]) -> str:
    """Return `healthy`, `starting`, ..., or whether the container runs if it has no health check."""
    state = container["State"]
    return str(state["Health"]["Status"] if "Health" in state else "healthy" if state["Running"] else state["Status"])


def address(service: str, port: int) -> str:
    """Return where this machine reaches a published port: `host:port`."""
    return compose("port", service, str(port)).strip().replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - compared


def inside(service: str, *command: str) -> str:
    """Return the output of a command in a running container of the service."""
    return compose("exec", "-T", service, *command)


def scale_writers(writers: int) -> None:
    """Run so many writers, and return when they are ready."""
    compose("up", "--detach", "--wait", "--no-recreate", "--no-deps", "--scale", f"writer={writers}", "writer")


def wait_healthy(services: Sequence[str]) -> None:
    """Wait until all of them run and are healthy. Raises Problem that names the first that is not."""

    def missing() -> str:
        found = containers(*services)
        absent = set(services) - {service_of(each) for each in found}
        sick = [f"{service_of(each)} is {health_of(each)}" for each in found if health_of(each) != "healthy"]
        return ", ".join([*(f"{name} does not run" for name in sorted(absent)), *sick])

    wait_for(missing, _HEALTHY_S)


def wait_for(missing: Callable[[], str], within_s: float) -> None:
    """Wait until nothing is missing. Raises Problem that names what is."""
    deadline = time.monotonic() + within_s
    while what := missing():
        if time.monotonic() > deadline:
            raise Problem(f"after {within_s:.0f} s: {what}", "docker compose ps", "docker compose logs")
        time.sleep(_POLL_S)
