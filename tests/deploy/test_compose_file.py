"""docker-compose.yml, read as data: no container has more rights than it needs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import read_yaml


class _Loader(yaml.CSafeLoader):
    """A loader that also accepts compose's `!override`."""


_Loader.add_constructor("!override", lambda loader, node: loader.construct_mapping(node, deep=True))
ROOT = Path(__file__).parent.parent.parent
COMPOSE = read_yaml.document((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"secrets", "migrate", "rights"}
#: The images of these services contain no program that a health check could run.
UNASKED = {"queue_exporter", "cache_exporter", "mysql_exporter"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_confined(name: str) -> None:
    """Every container runs without root, write access, capabilities or new privileges, and has limits of memory, CPUs
    and processes."""
    service = SERVICES[name]
    assert str(service["user"]).split(":")[0] not in ("0", "root")
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert set(service["deploy"]["resources"]["limits"]) == {"memory", "cpus", "pids"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_is_pinned_or_ours(name: str) -> None:
    """Every image of another project is pinned to a tag that names a version; Holdfast's own images are built from this
    folder."""
    image, tag = SERVICES[name]["image"].split(":", 1)
    if "build" in SERVICES[name]:
        assert image.startswith("holdfast/")
        assert SERVICES[name]["build"]["args"]["SERVICE"] == image.removeprefix("holdfast/")
    else:
        assert re.fullmatch(r"v?\d+(\.\d+)*", tag)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_what_stays_is_watched_and_comes_back(name: str) -> None:
    """Every lasting service has a restart policy, and a health check if its image contains a program that can run
    one."""
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert ("healthcheck" in SERVICES[name]) == (name not in UNASKED)


def test_one_command_starts_and_stops_all_of_it() -> None:
    """No service is in a profile, because `docker compose up` would not start it and `down` would not stop it."""
    assert not [name for name, service in SERVICES.items() if "profiles" in service]


def test_only_four_can_be_reached_and_from_this_machine_alone() -> None:
    """Only four services publish ports, and these ports listen on 127.0.0.1 unless a setting changes that."""
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"haproxy", "dlq_admin", "grafana", "third_party"}
    for ports in published.values():
        assert all(port.startswith(("127.0.0.1:", "${LISTEN_HOST:-127.0.0.1}:")) for port in ports)


def _met(one: str, other: str) -> set[str]:
    return set(SERVICES[one]["networks"]) & set(SERVICES[other]["networks"])


def test_networks_keep_apart_what_has_no_business() -> None:
    """Only the services that use the database share its network, and only the networks of what is published lead in or
    out."""
    users = {name for name in SERVICES if "networks" in SERVICES[name] and "database" in SERVICES[name]["networks"]}
    assert users == {"mysql", "mysql_exporter", "migrate", "api", "writer", "dlq_admin"}
    assert not _met("api", "grafana")
    assert not _met("api", "alertmanager")
    assert not _met("third_party", "api")
    assert _met("third_party", "external_proxy") == {"outside"}
    open_ones = {name for name, network in COMPOSE["networks"].items() if not (network or {}).get("internal")}
    assert open_ones == {"edge", "outside"}


def test_prometheus_listens_on_one_network_only() -> None:
    """Prometheus shares networks with the services to scrape them, but listens on the monitoring network only, so that
    they cannot query it."""
    prometheus = SERVICES["prometheus"]
    aliased = [name for name, network in prometheus["networks"].items() if network]
    assert aliased == ["monitoring"]
    listens = f"--web.listen-address={prometheus['networks']['monitoring']['aliases'][0]}:9090"
    assert listens in prometheus["command"]


def test_no_secret_is_in_the_file() -> None:
    """The file contains no password; passwords are files, which only the services that need them mount."""
    mounted = {name: " ".join(map(str, service.get("volumes", ()))) for name, service in SERVICES.items()}
    for secret, users in {
        "operator-secret": {"secrets"},
        "session-secret": {"secrets", "dlq_admin"},
        "idempotency-secret": {"secrets", "api"},
        "mysql-secrets": {"secrets", "mysql"},
        "passwords": {"secrets"},
        "api-stores": {"secrets", "api"},
        "writer-stores": {"secrets", "writer"},
        "dlq-admin-stores": {"secrets", "dlq_admin"},
        "external-proxy-stores": {"secrets", "external_proxy"},
        "migrate-stores": {"secrets", "migrate"},
        "redis-secrets": {"secrets", "queue", "cache", "rights"},
    }.items():
        assert {name for name, volumes in mounted.items() if secret in volumes} == users
    for service in SERVICES.values():
        for variable, value in (service.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|DSN", variable) and "_FILE" not in variable:
                assert value in ("${DB_DSN:-}", "${MIGRATE_DB_DSN:-${DB_DSN:-}}")


@pytest.mark.parametrize("name", ["api", "writer", "external_proxy", "dlq_admin", "haproxy"])
def test_there_is_time_to_finish(name: str) -> None:
    """Docker waits longer than a service drains (HOLDFAST_DRAIN_S, 20 s)."""
    assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > 20


def test_prometheus_watches_all_jobs() -> None:
    """Prometheus scrapes every job of the local stack, the proxy and the stores, under host names that are services."""
    local = read_yaml.document((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    ours = read_yaml.document((ROOT / "deploy/prometheus/compose.yml").read_text())
    jobs = {each["job_name"]: each for each in ours["scrape_configs"]}
    assert set(jobs) >= {each["job_name"] for each in local["scrape_configs"]} | {"haproxy", "redis", "mysql"}
    hosts = {name for job in jobs.values() for found in job.get("dns_sd_configs", ()) for name in found["names"]}
    statics = [found for job in jobs.values() for found in job.get("static_configs", ())] + _of_stores()
    hosts |= {target.split(":")[0] for found in statics for target in found["targets"]}
    assert hosts <= set(SERVICES) | {"prometheus-itself"}


def _of_stores() -> list[dict[str, Any]]:
    files = sorted((ROOT / "deploy/prometheus/stores").glob("*.yml"))
    return [target for file in files for target in read_yaml.document(file.read_text())]


def test_nothing_that_is_left_out_is_watched_or_waited_for() -> None:
    """With stores elsewhere, Prometheus has no targets at the exporters that are left out, which would always be down,
    and no service waits for a service that is left out."""
    text = (ROOT / "deploy/compose/external.yml").read_text()
    elsewhere = yaml.load(text, _Loader)["services"]  # noqa: S506 - a SafeLoader
    out = {name for name, service in elsewhere.items() if "profiles" in service}
    assert {target.split(":")[0] for found in _of_stores() for target in found["targets"]} <= out
    assert elsewhere["prometheus"]["tmpfs"] == ["/etc/prometheus/stores"]
    for name in set(SERVICES) - out:
        waits = elsewhere.get(name, {}).get("depends_on", SERVICES[name].get("depends_on", {}))
        assert not out & set(waits), name


def test_the_proxy_has_threads_for_its_own_cpus_only() -> None:
    """HAProxy's threads fit into its limits, whatever machine it is on, and leave processes for the health check."""
    threads = re.search(r"^ +nbthread (\d+)$", (ROOT / "deploy/haproxy/haproxy.cfg").read_text(), re.MULTILINE)
    limits = SERVICES["haproxy"]["deploy"]["resources"]["limits"]
    assert threads
    assert int(threads[1]) <= float(limits["cpus"]) < limits["pids"] / 2


def test_the_rights_of_the_build_come_before_its_services() -> None:
    """Whoever uses a Redis starts after its users have the rights of this build."""
    for name, service in SERVICES.items():
        if "build" in service and "redis" in service.get("networks", ()):
            assert service["depends_on"]["rights"] == {"condition": "service_completed_successfully"}, name
    rights = SERVICES["rights"]
    assert set(rights["environment"]["NODES"].split()) == set(rights["depends_on"]) == {"queue", "cache"}
