"""The project of its own that `make verify ON=containers` makes of docker-compose.yml."""

from typing import Any

from deploy import read_yaml
from tests.conftest import ROOT
from tests.verify.compose import PORTS, PROJECT, STORES, project, replica_of

_PUBLISHED = {"api-1": 1, "api-2": 2, "writer-1": 3, "dlq-admin-2": 4, "external_proxy": 5, "third_party": 6}
_STORES = {"queue": 7, "cache": 8, "mysql": 9}


def _config() -> dict[str, Any]:
    """Return the part of `docker compose config` that matters here."""
    config: dict[str, Any] = read_yaml.document((ROOT / "docker-compose.yml").read_text())
    for service in config["services"].values():
        service["networks"] = dict.fromkeys(service.get("networks", ()))
    return config


def _made() -> dict[str, Any]:
    settings = {"api-1": {"A": "b"}, "writer-1": {}}
    commands = {"writer-1": ["python", "-m", "x"]}
    return project(_config(), _PUBLISHED | _STORES, settings, commands, "/data", "/repo")


def test_each_replica_is_a_service_that_can_be_broken_by_name() -> None:
    """Each replica is a service with its own container name and port, is confined as in the original file, and is never
    restarted by Docker, so that it can be broken by name."""
    config, services = _config(), _made()["services"]
    for name, port in (_PUBLISHED | _STORES).items():
        made, origin = services[name], config["services"][replica_of(name)]
        assert made["container_name"] == f"{PROJECT}-{name}"
        assert made["ports"] == [f"127.0.0.1:{port}:{(PORTS | STORES)[replica_of(name)]}"]
        assert made["restart"] == "no"
        assert not {"build", "depends_on", "healthcheck", "profiles"} & made.keys()
        for confined in ("image", "user", "read_only", "cap_drop", "security_opt"):
            assert made[confined] == origin[confined]
        assert set(made["networks"]) > set(origin["networks"]) or "edge" in origin["networks"]
    assert services["api-1"]["environment"]["A"] == "b"
    assert services["writer-1"]["command"] == ["python", "-m", "x"]


def test_nothing_else_is_started() -> None:
    """Neither the monitoring nor the load balancer is started, and the project has a name of its own, so that a running
    Holdfast is not touched."""
    made = _made()
    assert made["name"] == PROJECT != "holdfast"
    assert set(made["services"]) == {*_PUBLISHED, *_STORES, "secrets", "migrate", "links"}
