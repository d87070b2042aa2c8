"""Compose: docker-compose.yml as a project of its own, in which every replica is a service that can be broken by
name."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from deploy.privileges import database, redis
from tests.servers import PASSWORD

PROJECT = "holdfast-verify"
#: The folder of the run in the containers.
SHARED = "/verify"
#: The port of each program inside, by the service that it is a replica of.
PORTS = {"api": 8080, "writer": 8090, "dlq_admin": 8082, "external_proxy": 8081, "third_party": 8099}
STORES = {"queue": 6379, "cache": 6379, "mysql": 3306}
_ONCE = ("secrets", "migrate")
#: Left out of a service: the run checks its health and restarts it itself, and builds it beforehand.
_NOT_OURS = ("build", "depends_on", "healthcheck", "profiles", "ports")
#: A network that is reachable from outside.
_EDGE = "edge"


def replica_of(name: str) -> str:
    """Return the service of which `api-1` or `dlq-admin-2` is a replica."""
    return name.rstrip("-0123456789").replace("-", "_")


def project(
    config: Mapping[str, Any], published: Mapping[str, int], settings: Mapping[str, Mapping[str, str]],
    commands: Mapping[str, list[str]], folder: str, repo: str,
) -> dict[str, Any]:  # fmt: skip
    """Return the project. `config`: what `docker compose config` prints. `published`: each program and store with its
    port on this machine. `settings` and `commands`: of programs by name. `folder`: of the run, writable by all."""
    services = {name: _alone(config["services"][replica_of(name)], name, port) for name, port in published.items()}
    services |= {name: _without(config["services"][name]) for name in _ONCE}
    for name, more in settings.items():
        services[name]["environment"].update(more)
        services[name]["volumes"] += [_mount(folder, SHARED), *_of_the_tests(repo)]
    for name, command in commands.items():
        services[name]["command"] = command
    services["secrets"]["command"] = ["sh", "-c", _seeded()]
    services["links"] = _links(config["services"]["writer"], repo)
    return {**config, "name": PROJECT, "services": services}


def _without(service: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: value for name, value in deepcopy(dict(service)).items() if name not in _NOT_OURS}
    return made | {"restart": "no"}


def _alone(service: Mapping[str, Any], name: str, port: int) -> dict[str, Any]:
    made = _without(service)
    inside = (PORTS | STORES)[replica_of(name)]
    made |= {"container_name": f"{PROJECT}-{name}", "ports": [f"127.0.0.1:{port}:{inside}"]}
    made["networks"] = {**made["networks"], _EDGE: None}
    return made


def _links(writer: Mapping[str, Any], repo: str) -> dict[str, Any]:
    """Return the service of the proxies, which uses the writer's Python."""
    made = _without(writer)
    faults = _mount(f"{repo}/deploy/faults", "/app/deploy/faults", read_only=True)
    return made | {"volumes": [faults, *_of_the_tests(repo)], "networks": {"database": None, "redis": None}}


def _of_the_tests(repo: str) -> list[dict[str, Any]]:
    return [_mount(f"{repo}/tests/{name}", f"/app/tests/{name}", read_only=True) for name in ("__init__.py", "verify")]


def _mount(source: str, target: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"type": "bind", "source": source, "target": target, "read_only": read_only}


def _seeded() -> str:
    """Return the secrets: every password is that of the test servers, and the others are generated."""
    names = [f"passwords/database_{name}" for name in database.with_users()]
    names += [f"passwords/redis_{name}" for name in redis.NAMES]
    files = " ".join(f"/run/holdfast/{name}" for name in [*names, "mysql/root_password"])
    return f"for f in {files}; do echo {PASSWORD} > $$f; done; exec python -m deploy.compose.draw"
