"""A Redis Cluster: three primaries and, optionally, a replica of each."""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.crc import key_slot

from tests.ports import free_port
from tests.servers import PASSWORD, RedisServer, wait_until

_PRIMARIES = 3
_SLOTS = 16_384
#: Milliseconds without an answer after which a node is considered down.
_DOWN_MS = 3_000
_MOVE_KEYS = 50


class Cluster:
    """A running cluster. `nodes`: the primaries at first, then their replicas in the same order. `key`: selects the
    slot that the methods are about."""

    def __init__(self, nodes: list[RedisServer], key: str) -> None:
        self.nodes = nodes
        self.slot = key_slot(key.encode())

    def address(self, service: str, first: int = 0) -> str:
        """Return the REDIS_ADDR of a service, with three nodes in it."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[first : first + 3])
        return f"redis+cluster://{service}:{PASSWORD}@{hosts}"

    def owner(self, at: RedisServer | None = None) -> RedisServer:
        """Return the owner of the slot, as one running node knows it."""
        asked = at or next(node for node in self.nodes if node.running)
        for first, last, primary, *_ in ask(asked, "CLUSTER", "SLOTS"):
            if first <= self.slot <= last:
                return next(node for node in self.nodes if node.port == primary[1])
        raise AssertionError(f"nobody owns slot {self.slot}")

    def empty(self) -> None:
        """Run FLUSHALL on each primary."""
        for node in self.primaries():
            ask(node, "FLUSHALL")

    def primaries(self) -> list[RedisServer]:
        """Return the primaries as the slot's owner knows them."""
        ports = {primary[1] for _, _, primary, *_ in ask(self.owner(), "CLUSTER", "SLOTS")}
        return [node for node in self.nodes if node.port in ports]

    def kill_owner(self) -> RedisServer:
        """Kill the owner of the slot with SIGKILL, and return it."""
        killed = self.owner()
        killed.kill()
        return killed

    def of(self, key: str) -> "Cluster":
        """Return the same nodes with the slot of this key."""
        return Cluster(self.nodes, key)

    def kill_shard(self) -> list[RedisServer]:
        """Kill the slot's primary and its replicas with SIGKILL, so that no node can take over. Return the nodes."""
        for first, last, *places in ask(self.owner(), "CLUSTER", "SLOTS"):
            if first <= self.slot <= last:
                killed = [node for node in self.nodes if node.port in [place[1] for place in places]]
        for node in killed:
            node.kill()
        return killed

    def fail_over(self) -> None:
        """Make the slot's replica its primary, as an operator does, and wait until it is."""
        before = self.owner()
        known = ask(before, "CLUSTER", "SLOTS")
        replica = next(at[1] for first, last, _, at, *_ in known if first <= self.slot <= last)
        ask(next(node for node in self.nodes if node.port == replica), "CLUSTER", "FAILOVER")
        self.wait_until_moved(before)

    def wait_until_moved(self, before: RedisServer) -> None:
        """Wait until all running nodes know another owner of the slot."""

        def moved() -> bool:
            with contextlib.suppress(redis.RedisError):
                return all(self.owner(node) is not before for node in self.nodes if node.running)
            return False

        wait_until(moved, what="another owner of the slot")

    def wait_until_whole(self) -> None:
        """Wait until all slots are served, and each primary has as many replicas as the others."""
        each = len(self.nodes) // _PRIMARIES - 1

        def whole() -> bool:
            with contextlib.suppress(redis.RedisError):
                primaries = {primary[1] for _, _, primary, *_ in ask(self.nodes[0], "CLUSTER", "SLOTS")}
                serving = all(b"cluster_state:ok" in ask(node, "CLUSTER", "INFO") for node in self.nodes)
                known = all(
                    b"cluster_known_nodes:%d" % len(self.nodes) in ask(n, "CLUSTER", "INFO") for n in self.nodes
                )
                return (
                    serving
                    and known
                    and all(node.port not in primaries or ask(node, "WAIT", each, 500) >= each for node in self.nodes)
                )
            return False

        wait_until(whole, what="the cluster is whole")

    def begin_move(self, to: RedisServer) -> RedisServer:
        """Begin to move the slot to another primary, without moving its keys. Return the node that the slot leaves."""
        source = self.owner()
        ask(to, "CLUSTER", "SETSLOT", self.slot, "IMPORTING", _id(source))
        ask(source, "CLUSTER", "SETSLOT", self.slot, "MIGRATING", _id(to))
        return source

    def stop_move(self, source: RedisServer) -> None:
        """Cancel the move: the slot stays where it is."""
        for node in self.primaries():
            ask(node, "CLUSTER", "SETSLOT", self.slot, "STABLE")
        assert self.owner() is source

    def move_keys(self, source: RedisServer, to: RedisServer) -> None:
        """Move keys until none is left, including keys that are made meanwhile."""
        while keys := ask(source, "CLUSTER", "GETKEYSINSLOT", self.slot, _MOVE_KEYS):
            ask(source, "MIGRATE", "127.0.0.1", to.port, "", 0, 60_000, "KEYS", *keys)

    def end_move(self, to: RedisServer, source: RedisServer | None = None) -> None:
        """Announce the new owner to every node, beginning with itself. With `source`, announce it only to these two;
        the other nodes learn it from them."""
        given = self.nodes if source is None else (source,)
        for node in (to, *(node for node in given if node is not to)):
            with contextlib.suppress(redis.ResponseError):  # replicas learn it from their primary
                ask(node, "CLUSTER", "SETSLOT", self.slot, "NODE", _id(to))

    def move(self, to: RedisServer) -> None:
        """Move the slot with its keys, as `redis-cli --cluster reshard` does."""
        source = self.begin_move(to)
        self.move_keys(source, to)
        self.end_move(to)

    def other(self) -> RedisServer:
        """Return a primary that does not own the slot."""
        mine = self.owner()
        return next(node for node in self.primaries() if node is not mine and node.running)


def ask(node: RedisServer, *command: Any) -> Any:
    """Return the plain reply of one node."""
    with node.client() as client:
        return client.execute_command(*command)  # type: ignore[no-untyped-call]  # untyped there


def _id(node: RedisServer) -> str:
    return str(ask(node, "CLUSTER", "MYID").decode())


@contextmanager
def running_cluster(folder: Path, key: str, *extra: str, replicas: int = 1) -> Iterator[Cluster]:
    """Yield a cluster whose nodes have all joined and hold no data. `extra`: options of each node."""
    with ExitStack() as stack:
        nodes = []
        for number in range(_PRIMARIES * (1 + replicas)):
            place = folder / f"node-{number}"
            place.mkdir()
            node = RedisServer(
                place, "--cluster-enabled", "yes", "--cluster-port", str(free_port()),
                "--cluster-node-timeout", str(_DOWN_MS), "--repl-diskless-sync-delay", "0", *extra,
            )  # fmt: skip
            node.start()
            stack.callback(node.kill)
            nodes.append(node)
        _form(nodes)
        cluster = Cluster(nodes, key)
        cluster.wait_until_whole()
        yield cluster


def _form(nodes: list[RedisServer]) -> None:
    with nodes[0].client() as client:
        bus = client.config_get("cluster-port")["cluster-port"]
    for number, node in enumerate(nodes):
        if number < _PRIMARIES:
            first, last = (_SLOTS * n // _PRIMARIES for n in (number, number + 1))
            ask(node, "CLUSTER", "ADDSLOTSRANGE", first, last - 1)
        ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        ask(node, "CLUSTER", "MEET", "127.0.0.1", nodes[0].port, bus)
    known = b"cluster_known_nodes:%d" % len(nodes)
    wait_until(lambda: all(known in ask(node, "CLUSTER", "INFO") for node in nodes), what="all know one another")
    for number, node in enumerate(nodes[_PRIMARIES:]):
        ask(node, "CLUSTER", "REPLICATE", _id(nodes[number % _PRIMARIES]))
