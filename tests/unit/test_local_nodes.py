"""A highly available stack: the ports of all nodes, the node that each store begins with, and where HAProxy sends
requests."""

from collections import Counter
from pathlib import Path

import pytest

from deploy.local import galera, haproxy, sentinel
from deploy.local.commands import _COMMANDS, main
from deploy.local.nodes import data_folder, replicas, sentinels, stores
from deploy.local.output import Problem
from deploy.local.programs import programs
from deploy.local.settings import StackSettings
from holdfast.shared.queue.partitions import MOST

HA = StackSettings(ha=1)
_LOGINS = {"replica": ("replica", "one"), "sentinel": ("sentinel", "two")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of configurations and data."""
    for module in (sentinel, haproxy):
        monkeypatch.setattr(module, "CONF", tmp_path)
    monkeypatch.setattr("deploy.local.nodes.LOCAL", tmp_path)
    return tmp_path


@pytest.mark.parametrize("settings", [StackSettings(), HA, StackSettings(ha=1, writers=9)])
def test_every_program_has_its_ports_to_itself(settings: StackSettings) -> None:
    """Every port on which a program listens is among the ports that are checked to be free, and no two programs share
    one."""
    every = programs(settings)
    listening = Counter(port for each in every for port in (each.port, *(port for _, port, _ in each.more_ports)))
    assert listening.most_common(1)[0][1] == 1
    known = {port for _, port in settings.ports()}
    assert set(listening) <= known
    assert len({program.name for program in every}) == len(every)


@pytest.mark.parametrize("host", ["::", "::1"])
def test_an_ipv6_address_is_in_brackets(host: str) -> None:
    """On an IPv6 address every program gets the addresses that it listens on, or calls, in the form of URLs."""
    every = {program.name: program for program in programs(StackSettings(listen_host=host))}
    assert every["api"].address == "[::1]:8080"
    assert every["api"].env["HOLDFAST_API_EXTERNAL_PROXY_URL"] == "http://[::1]:8081"
    assert every["dlq_admin"].env["HOLDFAST_DLQ_PROMETHEUS_URL"] == "http://[::1]:9090"
    for program in (every[name] for name in ("prometheus", "alertmanager") if name in every):
        assert f"--web.listen-address=[{host}]:{program.port}" in program.command


def test_only_a_highly_available_stack_needs_its_ports() -> None:
    """Only a highly available stack needs its additional ports. PORT_OFFSET moves them like all others, and two equal
    numbers are refused, even if one of them is counted up for a replica."""
    assert not {port for _, port in StackSettings().ports()} & {HA.sentinel_port, HA.galera_port, HA.haproxy_port}
    moved = StackSettings().changed({"HA": "1", "PORT_OFFSET": "500"})
    assert [port for _, port in moved.ports()] == [port + 500 for _, port in HA.ports()]
    with pytest.raises(Problem, match=f"both {HA.sentinel_port + 2}"):
        HA.changed({"DB_PORT": str(HA.sentinel_port + 2)})
    StackSettings().changed({"DB_PORT": str(HA.sentinel_port + 2)})


def test_every_setting_that_is_wrong_is_named_at_once() -> None:
    """All settings that the stack cannot start with are named together, each once."""
    wrong = {"HA": "3", "WRITERS": "many", "QUEUE_PARTITIONS": "0", "DB_PORT": "8080", "CACHE_PORT": "99999"}
    with pytest.raises(Problem) as refused:
        StackSettings().changed(wrong)
    assert sorted(str(refused.value).splitlines()) == [
        "99999 cannot be used as a port here",
        "API_PORT and DB_PORT are both 8080",
        "HA=3 is neither 0 nor 1",
        f"QUEUE_PARTITIONS=0 is not between 1 and {MOST}",
        "WRITERS=many is not a whole number",
    ]


def test_there_are_several_of_everything() -> None:
    """A highly available stack has two replicas of each service, three nodes of each store and three Sentinels, and its
    data is separate from that of any other stack."""
    assert [len(replicas(HA, part)) for part in ("api", "external_proxy", "dlq_admin")] == [2, 2, 2]
    assert [len(nodes) for nodes in (stores(HA, "queue"), stores(HA, "database"), sentinels(HA))] == [3, 3, 3]
    one = StackSettings()
    assert [node.port for node in (*stores(one, "queue"), *stores(one, "database"))] == [one.queue_port, one.db_port]
    assert data_folder(HA) != data_folder(one)


@pytest.mark.parametrize(
    ("mine", "first", "others", "expected"),
    [
        (None, True, [None, None], True),
        (None, False, [None, None], False),
        (None, True, [None, "seqno: 5\nsafe_to_bootstrap: 1\n"], False),
        ("seqno: 5\nsafe_to_bootstrap: 1\n", False, [None, "seqno: 4\nsafe_to_bootstrap: 0\n"], True),
        ("seqno: -1\nsafe_to_bootstrap: 0\n", True, ["seqno: -1\nsafe_to_bootstrap: 0\n"], False),
        ("", True, [None], False),
    ],
)
def test_a_node_begins_a_cluster_only_with_the_last_write(
    mine: str | None, first: bool, others: list[str | None], expected: bool
) -> None:
    """A new cluster begins with its first node, and an existing cluster with the node that left last; after a crash no
    node begins alone."""
    assert galera.begins(mine, first=first, others=others) is expected


def _followed(settings: StackSettings, folder: Path) -> list[str]:
    """Return the port that each node of the queue follows and that each Sentinel watches, as configured. The primary
    has "none"."""
    names = [node.name for node in (*stores(settings, "queue"), *sentinels(settings))]
    lines = [(folder / f"{name}.conf").read_text().splitlines() for name in names]
    return [
        next((line.split()[-1 if line.startswith("replicaof") else 4] for line in each if _names_primary(line)), "none")
        for each in lines
    ]


def _names_primary(line: str) -> bool:
    return line.startswith(("replicaof ", "sentinel monitor "))


def test_a_queue_starts_with_the_primary_that_it_had(folder: Path) -> None:
    """The queue first starts with its first node as primary, and later with the primary of the newest Sentinel
    configuration, even if the ports have changed."""
    sentinel.write_config(HA, "users.acl", _LOGINS)
    first, second, third = (str(node.port) for node in stores(HA, "queue"))
    assert _followed(HA, folder) == ["none", first, first, first, first, first]
    for number, (port, epoch) in enumerate([(first, 0), (third, 2), (second, 1)]):
        path = folder / f"sentinel-{number}.conf"
        moved = path.read_text().replace(f" {first} ", f" {port} ")
        path.write_text(f"{moved}sentinel config-epoch {sentinel.NAME} {epoch}\n")
    moved_settings = HA.changed({"PORT_OFFSET": "100"})
    sentinel.write_config(moved_settings, "users.acl", _LOGINS)
    now = str(stores(moved_settings, "queue")[2].port)
    assert _followed(moved_settings, folder) == [now, now, "none", now, now, now]


def test_haproxy_knows_every_replica_and_every_door(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """HAProxy's configuration, made from that of the containers, has the local address of every replica and every
    public port, and nothing that only Docker knows."""
    monkeypatch.setattr(haproxy, "_CONFIG", folder / "haproxy.cfg")
    haproxy.write_config(HA)
    lines = (folder / "haproxy.cfg").read_text().splitlines()
    servers = [line.split()[2] for line in lines if line.strip().startswith("server ")]
    parts = ("api", "external_proxy", "dlq_admin")
    assert servers == [f"127.0.0.1:{node.port}" for part in parts for node in replicas(HA, part)]
    binds = [line.split()[1] for line in lines if line.strip().startswith("bind ")]
    doors = (HA.api_port, HA.haproxy_port, HA.proxy_port, HA.dlq_port)
    assert binds == [f"127.0.0.1:{port}" for port in doors]


def test_after_a_stop_that_none_saw_the_end_of_the_node_with_most_begins(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """After all nodes were killed, each is asked for its last write and the most advanced node begins the cluster. No
    node is chosen if one is already marked as the last, or if all may reunite by themselves."""
    states = {"mariadb": "seqno:   7", "mariadb-1": "seqno:   -1", "mariadb-2": "seqno:   -1"}
    asked = {"mariadb-1": "cluster:9", "mariadb-2": "cluster:12"}
    monkeypatch.setattr(galera, "recovered", lambda server: asked[Path(_option(server, "--datadir")).name])
    paths = {name: data_folder(HA) / name / "grastate.dat" for name in states}
    for name, path in paths.items():
        path.parent.mkdir(parents=True)
        path.write_text(f"uuid: cluster\n{states[name]}\nsafe_to_bootstrap: 0\n")
    (paths["mariadb"].parent / "gvwstate.dat").touch()
    galera.prepare(HA)
    assert not any("bootstrap: 1" in path.read_text() for path in paths.values())
    (paths["mariadb"].parent / "gvwstate.dat").unlink()
    galera.prepare(HA)
    assert [name for name, path in paths.items() if "bootstrap: 1" in path.read_text()] == ["mariadb-2"]
    asked["mariadb-1"] = "cluster:20"
    galera.prepare(HA)
    assert [name for name, path in paths.items() if "bootstrap: 1" in path.read_text()] == ["mariadb-2"]


def _option(server: tuple[str, ...], name: str) -> str:
    return next(each.partition("=")[2] for each in server if each.startswith(f"{name}="))


def test_a_node_that_only_greets_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Migrations start only when each node accepts statements, not when it only accepts connections; a stack with one
    node has nothing to wait for."""
    asked: list[str] = []

    def output(command: list[str]) -> str:
        asked.append(next(word for word in command if word.startswith("--socket")))
        return "" if len(asked) == 1 else f"wsrep_ready\t{'OFF' if len(asked) == 2 else 'ON'}\n"

    monkeypatch.setattr(galera, "_output", output)
    monkeypatch.setattr(galera, "find", lambda name: name)
    monkeypatch.setattr(galera, "_POLL_S", 0)
    galera.wait_in_step(StackSettings())
    assert asked == []
    galera.wait_in_step(HA)
    assert [asked.count(one) for one in dict.fromkeys(asked)] == [3, 1, 1]


@pytest.mark.parametrize("command", ["up", "status", "down"])
def test_an_offset_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Every command refuses a PORT_OFFSET that is no number, even a command that finds the ports of the running stack
    by itself."""
    monkeypatch.setenv("PORT_OFFSET", "abc")
    monkeypatch.setattr("signal.signal", lambda *_: None)  # the test process keeps its own signal handlers
    monkeypatch.setitem(_COMMANDS, command, lambda: 0)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as ended:
        main([command])
    assert "PORT_OFFSET=abc is not a whole number" in str(ended.value.code)
