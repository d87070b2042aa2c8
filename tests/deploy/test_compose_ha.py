"""deploy/compose/ha.yml, read as data: the nodes in the services' addresses exist, each with a volume of its own."""

import ipaddress
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import read_yaml
from deploy.compose import nodes
from deploy.compose.group import NAME
from holdfast.shared.connections.address import parse_dsn, parse_redis

FOLDER = Path(__file__).parent.parent.parent


class _Loader(yaml.CSafeLoader):
    """A loader that also accepts compose's `!reset`."""


_Loader.add_constructor("!reset", lambda loader, node: None)
OVER: dict[str, Any] = yaml.load((FOLDER / "deploy/compose/ha.yml").read_text(), _Loader)  # noqa: S506 - a SafeLoader
BASE: dict[str, Any] = read_yaml.document((FOLDER / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = OVER["services"]
PASSWORDS = {"replica": "one", "sentinel": "two", "api": "three"}


def test_the_addresses_of_services_name_nodes_that_are_there() -> None:
    """The addresses of services name every Sentinel and every server of the database."""
    redis = parse_redis(nodes.address("api", "three", "four").strip())
    assert [host for host, _ in redis.sentinels] == [name for name in SERVICES if name.startswith("sentinel-")]
    assert redis.sentinel_password == "four"  # noqa: S105 - of nobody
    assert list(nodes.GROUP) == [name for name in SERVICES if re.fullmatch(r"mysql(-\d)?", name)]
    assert parse_dsn(f"mysql://api:three@{','.join(nodes.GROUP)}/holdfast").database == "holdfast"
    configured = [name for name, _ in nodes.configurations(PASSWORDS, "four")]
    assert configured == [name for name in SERVICES if re.fullmatch(r"(queue|sentinel)(-\d)?", name)]


@pytest.mark.parametrize("name", ["api", "writer", "dlq_admin", "external_proxy"])
def test_two_of_each_service_find_the_nodes(name: str) -> None:
    """Each service has two replicas and reads its addresses from files that only the secrets' container writes; no port
    is published twice."""
    service = SERVICES[name]
    assert service["deploy"]["replicas"] == 2
    assert service["environment"]["REDIS_ADDR_FILE"].endswith("/queue-nodes")
    assert service["environment"]["HOLDFAST_QUEUE_REPLICAS"] == "1"
    if name != "external_proxy":
        assert service["environment"]["DB_DSN_FILE"].endswith("/dsn-nodes")
    assert not service.get("ports")
    assert name == "dlq_admin" or "ports" not in BASE["services"][name]


def test_every_node_keeps_its_data_in_a_volume_of_its_own() -> None:
    """Each node has a volume that is declared, and that no other node uses."""
    stored = [
        each.partition(":")[0]
        for name, service in SERVICES.items()
        for each in service.get("volumes", ())
        if each.endswith((":/data", ":/var/lib/mysql"))
    ]
    assert sorted(stored) == sorted(OVER["volumes"])
    assert len(stored) == len(set(stored))


def test_the_group_has_one_name_and_is_begun_by_nobody_else() -> None:
    """The servers and the program that forms the group use the same group name and addresses, and no server starts
    group replication itself. Addresses are numbers, because a stopped server has no name."""
    for name, address in nodes.GROUP.items():
        command = SERVICES[name]["command"]
        assert SERVICES[name]["networks"]["database"]["ipv4_address"] == address
        assert f"--loose-group-replication-group-name={NAME}" in command
        assert "--loose-group-replication-start-on-boot=OFF" in command
        assert f"{address}:33061" in next(each for each in command if "group-seeds" in each)
        assert set(BASE["services"]["mysql"]["command"]) <= set(command)


def test_fixed_addresses_are_none_that_docker_gives_to_networks() -> None:
    """The networks with fixed addresses, which contain those of the nodes, are outside of the ranges from which Docker
    gives any other network, also of this stack, its addresses: it would refuse to make the later one of two that
    overlap."""
    given = [ipaddress.ip_network(each) for each in ("172.16.0.0/12", "192.168.0.0/16")]
    for name, members in (("database", nodes.GROUP), ("redis", nodes.ADDRESSES)):
        [config] = OVER["networks"][name]["ipam"]["config"]
        subnet = ipaddress.ip_network(config["subnet"])
        assert not any(subnet.overlaps(each) for each in given)
        own = [ipaddress.ip_address(each) for each in members.values()]
        assert all(each in subnet and each not in ipaddress.ip_network(config["ip_range"]) for each in own)


def test_every_node_of_redis_gets_the_rights_of_the_build() -> None:
    """The rights of the users are loaded at each Redis, once all of them run."""
    nodes_of_redis = {name for name in SERVICES if re.fullmatch(r"queue(-\d)?", name)} | {"cache"}
    assert set(SERVICES["rights"]["environment"]["NODES"].split()) == nodes_of_redis
    assert SERVICES["rights"]["depends_on"].keys() | BASE["services"]["rights"]["depends_on"].keys() == nodes_of_redis
    assert "|| {" in " ".join(BASE["services"]["rights"]["command"])  # a node that is down is left out


@pytest.mark.parametrize("name", sorted(SERVICES | BASE["services"]))
def test_nothing_needs_every_node(name: str) -> None:
    """While one node is away, everything else can be started or replaced: nothing waits until a node is healthy."""
    service = SERVICES.get(name, {})
    upon = BASE["services"].get(service.get("extends", {}).get("service", name), {})
    needed = {**upon.get("depends_on", {}), **service.get("depends_on", {})}
    awaited = {each for each, how in needed.items() if how["condition"] != "service_started"}
    assert not [each for each in awaited if re.fullmatch(r"(queue|mysql|sentinel)(-\d)?", each)]


def test_every_node_but_one_begins_as_a_replica() -> None:
    """Every Redis node except the first starts as a replica, announces its address, and logs in as a user that may only
    replicate."""
    texts = dict(nodes.configurations(PASSWORDS, "four"))
    of_nodes = {name: text for name, text in texts.items() if name.startswith("queue")}
    assert [name for name, text in of_nodes.items() if "replicaof" not in text] == ["queue"]
    for name, text in of_nodes.items():
        assert f"replica-announce-ip {SERVICES[name]['networks']['redis']['ipv4_address']}\n" in text
        assert "masteruser replica\nmasterauth one\n" in text
    for name, text in texts.items():
        if name not in of_nodes:
            assert f"sentinel monitor queue {nodes.ADDRESSES['queue']} 6379 2\n" in text
            assert "sentinel auth-user queue sentinel\n" in text


@pytest.mark.parametrize(("job", "store"), [("redis", "queue"), ("mysql", "mysql")])
def test_every_node_is_watched(job: str, store: str) -> None:
    """The first node is scraped as in every stack; each other node has an exporter of its own, which Prometheus finds
    in the mounted file."""
    others = [name for name in SERVICES if re.fullmatch(rf"{store}-\d", name)]
    watched = read_yaml.document((FOLDER / f"deploy/prometheus/nodes/{job}.yml").read_text())
    assert [each["labels"]["instance"] for each in watched] == others
    for name, each in zip(others, watched, strict=True):
        [target] = each["targets"]
        assert target.partition(":")[0] == f"exporter-{name}"
        assert name in str({**SERVICES[f"exporter-{name}"], "depends_on": None, "extends": None})
    [mount] = SERVICES["prometheus"]["volumes"]
    _, inside, _ = mount.split(":")
    jobs = read_yaml.document((FOLDER / "deploy/prometheus/compose.yml").read_text())["scrape_configs"]
    [files] = [each["file_sd_configs"] for each in jobs if each["job_name"] == job]
    assert files == [{"files": [f"stores/{job}.yml", f"{inside}/{job}.yml"]}]
