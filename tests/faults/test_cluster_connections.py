"""Connections to a Redis Cluster: each command finds its node, whatever address the node announces, and a reply of a
wrong node ends only its connection."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as Server
from redis.exceptions import AuthenticationError, ConnectionError, ResponseError

from deploy.privileges.redis import USERS
from holdfast.shared.cache.copies import Copies, cache_breaker
from holdfast.shared.cache.form import EntityCopy, entity_name
from holdfast.shared.connections.cluster import HOME, first_key, slot_of
from holdfast.shared.connections.connection import WrongNode
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.queue.names import LEDGER, LOOKS_GROUP, WRITES
from tests.certificates import Authority
from tests.failover.cluster import ask
from tests.faults.relay import Relay, Step
from tests.ports import free_port
from tests.servers import PASSWORD, PATIENT_REDIS, RedisServer, wait_until
from tests.users import user_row

_ANSWERS = (
    "MOVED {slot} 127.0.0.1:1",
    "ASK {slot} 127.0.0.1:1",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "CLUSTERDOWN The cluster is down",
    "LOADING Redis is loading the dataset in memory",
    "READONLY You can't write against a read only replica.",
)
#: Keys and arguments of look.lua.
_A_LOOK = ([WRITES, f"{HOME}:look", LEDGER], [1, 0, "", LOOKS_GROUP])
#: How a node is announced: the options that set it.
_ANNOUNCED = {
    "ip": {"cluster-announce-ip": "127.0.0.1"},
    "hostname": {"cluster-announce-hostname": "localhost", "cluster-preferred-endpoint-type": "hostname"},
    "no hostname": {"cluster-announce-hostname": "", "cluster-preferred-endpoint-type": "hostname"},
    "unknown endpoint": {"cluster-preferred-endpoint-type": "unknown-endpoint"},
}


class _Node(RedisServer):
    """A cluster of one node, or a node with cluster mode off."""

    def __init__(self, folder: Path, enabled: str = "yes", *more: str) -> None:
        folder.mkdir()
        super().__init__(folder, "--cluster-enabled", enabled, "--cluster-port", str(free_port()), *more)
        self._encrypted: dict[str, Any] = {}

    def encrypt(self, authority: Authority) -> None:
        """Make the node speak TLS at its port."""
        self._command += ["--tls-port", str(self.port)]
        self._encrypted = {"ssl": True, "ssl_ca_certs": str(authority.certificate)}

    def client(self) -> Server:
        """Return a client that asks the node directly."""
        return Server(host="127.0.0.1", port=self.port, socket_timeout=60, **self._encrypted)

    def take_all_slots(self) -> None:
        """Give the node all slots, and wait until the cluster serves."""
        ask(self, "CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        wait_until(lambda: b"cluster_state:ok" in ask(self, "CLUSTER", "INFO"), what="the cluster serves")

    def announce(self, **options: str) -> None:
        """Change how the node is announced."""
        ask(self, "CONFIG", "SET", *itertools.chain(*options.items()))


@pytest.fixture(scope="module")
def _node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Node]:
    node = _Node(tmp_path_factory.mktemp("cluster") / "node")
    node.start()
    node.take_all_slots()
    yield node
    node.kill()


@pytest.fixture
def node(_node: _Node) -> Iterator[_Node]:
    """The node, empty, and announced by its address."""
    with _node.client() as client:
        client.flushall()
    yield _node
    _node.announce(**{
        "cluster-announce-ip": "", "cluster-announce-hostname": "", "cluster-announce-port": "0",
        "cluster-preferred-endpoint-type": "ip",
    })  # fmt: skip


@pytest.fixture
async def cluster(node: _Node) -> AsyncIterator[Any]:
    """A client of the cluster, as services make it."""
    redis = connect(f"redis+cluster://{node.address}", PATIENT_REDIS)
    yield redis
    await redis.aclose()


def test_what_has_no_key_is_about_the_queue() -> None:
    """Commands without a key, like TIME and INFO, ask the node that has the streams."""
    assert slot_of(HOME) == slot_of(WRITES)


@pytest.mark.parametrize("how", _ANNOUNCED)
async def test_a_node_is_found_as_it_is_announced(node: _Node, cluster: Any, how: str) -> None:
    """A node is found by its announced address or name, and where it was asked if it does not know its own."""
    node.announce(**_ANNOUNCED[how])
    assert await cluster.set("a", "b")
    assert await cluster.get("a") == b"b"


async def test_it_is_used_where_it_is_announced(node: _Node, cluster: Any) -> None:
    """Commands go to the announced address, and not to the one in the settings, which only serves to ask for nodes."""
    async with Relay(node.port) as relay:
        node.announce(**{"cluster-announce-port": relay.address.partition(":")[2]})
        relay.steps = [Step(refusal="ERR this way")]
        with pytest.raises(ResponseError, match="this way"):
            await cluster.eval("return 1", 1, "a")


@pytest.mark.parametrize("answer", _ANSWERS, ids=[answer.split()[0] for answer in _ANSWERS])
async def test_another_node_is_a_failure_once(node: _Node, cluster: Any, answer: str) -> None:
    """After the reply of a wrong node a command is not sent again to any node; the next command asks who owns the slot,
    and works."""
    script = Script(cluster, Path(__file__).parents[2] / "shared/queue/lua/look.lua")
    async with Relay(node.port) as relay:
        node.announce(**{"cluster-announce-port": relay.address.partition(":")[2]})
        await cluster.xadd(WRITES, {"a": "b"})
        for _ in range(2):
            relay.steps = [Step(refusal=answer.format(slot=slot_of(WRITES))), Step()]
            with pytest.raises(WrongNode, match=answer.split()[0]):
                await script(*_A_LOOK)
            assert len(relay.steps) == 1
            relay.steps = []
            assert await script(*_A_LOOK)


async def test_tls_and_a_password(tmp_path: Path) -> None:
    """TLS and the password apply to every connection, also to ask for nodes, and a node whose certificate has another
    name is not used."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("node")
    node = _Node(
        tmp_path / "node", "yes", "--port", "0", "--tls-auth-clients", "no", "--tls-cert-file", str(certificate),
        "--tls-key-file", str(key), "--tls-ca-cert-file", str(authority.certificate), "--tls-cluster", "yes",
    )  # fmt: skip
    node.encrypt(authority)
    node.start()
    node.take_all_slots()
    ca = f"?ssl_ca_certs={authority.certificate}"
    redis = connect(f"rediss+cluster://operator:{PASSWORD}@{node.address}{ca}", PATIENT_REDIS)
    assert await redis.set("a", "b")
    assert await redis.acl_whoami() == "operator"
    node.announce(**_ANNOUNCED["hostname"])
    wrong = connect(f"rediss+cluster://operator:{PASSWORD}@{node.address}{ca}", PATIENT_REDIS)
    with pytest.raises(ConnectionError, match="localhost"):
        await wrong.get("a")
    refused = connect(f"rediss+cluster://operator:wrong@{node.address}{ca}", PATIENT_REDIS)
    with pytest.raises(AuthenticationError):
        await refused.get("a")
    for each in (redis, wrong, refused):
        await each.aclose()
    node.kill()


async def test_keys_of_many_slots(cluster: Any) -> None:
    """The results of pipelines, MGET and copies with keys of many slots come back in the order of the keys."""
    names = [f"key-{number}" for number in range(50)]
    writing = cluster.pipeline(transaction=False)
    for name in names:
        writing.set(name, name)
    assert all(await writing.execute())
    assert await cluster.mget(names) == [name.encode() for name in names]
    with pytest.raises(ResponseError, match="slot"):
        await cluster.delete(*names)
    copies = Copies(cluster, cache_breaker(12), hard_s=60, in_process_max=0)
    entities = [
        user_row(f"{number:08}-0000-7000-8000-000000000001", "Ann", 1, created_version=1) for number in range(20)
    ]
    assert await copies.put((entity_name(each.ref), EntityCopy(each, 1.0)) for each in entities)
    found = await copies.entities([each.ref for each in entities])
    assert [copy and copy.entity.id for copy in found.values()] == [each.id for each in entities]


async def test_a_node_without_a_cluster_is_named(tmp_path: Path) -> None:
    """If cluster mode is off or the node has joined no cluster, any command fails with the same error, which names the
    cause."""
    alone, outside = _Node(tmp_path / "alone", "no"), _Node(tmp_path / "outside")
    for node, sentence in (
        (alone, f"127.0.0.1:{alone.port} is no node of a Redis Cluster: This instance has cluster support disabled"),
        (outside, f"no node of the cluster owns slot {slot_of(WRITES)}"),
    ):
        node.start()
        redis = connect(f"redis+cluster://{node.address}", PATIENT_REDIS)
        with pytest.raises(WrongNode, match=sentence):
            await redis.xlen(WRITES)
        with pytest.raises(NotSent) as unsent:
            await Script(redis, Path(__file__).parents[2] / "shared/queue/lua/look.lua")(*_A_LOOK)
        assert sentence in str(unsent.value.__cause__)
        await redis.aclose()
        node.kill()


async def test_no_node_answers(tmp_path: Path) -> None:
    """If no node answers, a command fails as in any outage, within the connect timeout."""
    node = _Node(tmp_path / "node")
    redis = connect(f"redis+cluster://{node.address}", RedisTimeouts(0.5, 60))
    with pytest.raises(ConnectionError):
        await redis.ping()
    node.start()
    node.take_all_slots()
    node.freeze()
    with pytest.raises(ConnectionError):
        await redis.ping()
    node.kill()
    await redis.aclose()


def test_every_command_of_ours_is_routed(node: _Node) -> None:
    """The first key of each command that a service may call is where the server finds it."""
    allowed = {
        word.replace("|", " ").upper()
        for place in USERS.values()
        for user in place.values()
        for rule in user.rules
        for word in rule.commands.split()
    }
    with node.client() as client:
        for name in sorted(allowed - {"XREADGROUP"}):
            command = [name, *(f"word-{number}" for number in range(6))]
            assert _first_key(client, command) == first_key(command), name
    assert len(allowed) > 30
    read = ["GROUP", "g", "c", "COUNT", 1, "STREAMS", "s", ">"]
    assert first_key(["XREADGROUP", *read]) == "s"
    assert first_key(["EVALSHA", "sha", 2, "a", "b"]) == "a"
    for keyless in (["EVAL", "return 1", 0], ["PING"], ["TIME"], ["INFO", "server"], ["WAIT", 1, 1]):
        assert first_key(keyless) is None


def _first_key(client: Any, command: list[str]) -> str:
    """Return the first key that the server finds, given as few of these words as it needs."""
    for words in range(2, len(command) + 1):
        with contextlib.suppress(ResponseError):  # the server needs more words
            return str(client.command_getkeys(*command[0].split(), *command[1:words])[0])
    raise AssertionError(f"{command[0]}: the server finds no key")
