"""A queue of several nodes: a primary, its replicas, and Sentinels that watch them."""

import contextlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import redis

from deploy.faults.faults import Faults
from tests.ports import free_port
from tests.servers import PASSWORD, RedisServer, Server, wait_until
from tests.threaded_proxy import FaultProxy

#: The name under which Sentinel watches the primary.
NAME = "queue"
#: Milliseconds without an answer after which a node is considered down.
_DOWN_MS = 1_000
#: Sentinel repeats an election without a winner after twice this time. After this time it also makes a replica follow
#: the primary at the address that Sentinel knows, which bypasses the link.
_FAILOVER_TIMEOUT_MS = 60_000
#: With one Sentinel, each election has a winner, so the timeout may be long, and the replica keeps its link.
_ALONE_FAILOVER_TIMEOUT_MS = 3_600_000


class SentinelServer(Server):
    """A Sentinel that watches the primary at a port."""

    def __init__(self, folder: Path, primary_port: int, quorum: int) -> None:
        folder.mkdir()
        self.port = free_port()
        timeout_ms = _FAILOVER_TIMEOUT_MS if quorum > 1 else _ALONE_FAILOVER_TIMEOUT_MS
        config = folder / "sentinel.conf"
        config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {folder}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {primary_port} {quorum}\n"
            f"sentinel down-after-milliseconds {NAME} {_DOWN_MS}\n"
            f"sentinel failover-timeout {NAME} {timeout_ms}\n"
        )
        super().__init__(folder, ["redis-server", str(config), "--sentinel"])

    def client(self) -> redis.Redis:
        """Return a plain client."""
        return redis.Redis(port=self.port, socket_timeout=60, decode_responses=True)

    def answers(self) -> bool:
        """Return whether the Sentinel answers."""
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class Group:
    """A running group. `nodes[0]` is the primary at first; the others follow it through `links`, one proxy each."""

    def __init__(self, nodes: list[RedisServer], links: list[FaultProxy], sentinels: list[SentinelServer]) -> None:
        self.nodes = nodes
        self.links = links
        self.sentinels = sentinels

    def address(self, service: str) -> str:
        """Return the REDIS_ADDR of a service."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{service}:{PASSWORD}@{hosts}/{NAME}"

    def primary(self) -> RedisServer:
        """Return the primary as Sentinel knows it."""
        with self.sentinels[0].client() as client:
            _, port = client.sentinel_get_master_addr_by_name(NAME)
        of_links = [link.port for link in self.links]
        return self.nodes[0] if int(port) in of_links else next(n for n in self.nodes if n.port == int(port))

    def delay(self, latency_ms: float) -> None:
        """Delay all replicas by this time from now on."""
        for link in self.links:
            link.set(Faults.both(latency_ms=latency_ms))

    def fail_over(self) -> None:
        """Order a failover, as an operator does, and wait until another node is the primary."""
        before = self.primary()

        def ordered() -> bool:
            # Sentinel refuses the order while a failover is under way.
            with self.sentinels[0].client() as client, contextlib.suppress(redis.ResponseError):
                client.execute_command("SENTINEL", "FAILOVER", NAME)
                return True
            return self.primary() is not before

        wait_until(ordered, what="Sentinel takes the order")
        self.wait_until_moved(before)

    def wait_until_moved(self, before: RedisServer) -> None:
        """Wait until another node is the primary."""
        wait_until(lambda: self.primary() is not before and _role(self.primary()) == "master", what="another primary")

    def rejoin(self, node: RedisServer) -> None:
        """Start a node that was killed, as a replica. Sentinel would make it a replica too, but only after a while."""
        node.start()
        with node.client() as client:
            client.replicaof("127.0.0.1", self.primary().port)

    def wait_until_whole(self) -> None:
        """Wait until every other node follows the primary."""

        def whole() -> bool:
            with self.primary().client() as client, contextlib.suppress(redis.RedisError):
                return bool(client.wait(len(self.nodes) - 1, 200) == len(self.nodes) - 1)
            return False

        wait_until(whole, what="every node follows")


def _role(node: RedisServer) -> str:
    with node.client() as client, contextlib.suppress(redis.RedisError):
        return str(client.info("replication")["role"])
    return ""


@contextmanager
def running_group(
    folder: Path, *, replicas: int = 1, sentinels: int = 1, through_link: bool = False
) -> Iterator[Group]:
    """Yield a running group whose replicas follow, without data. The quorum is the majority of the Sentinels.
    `through_link`: Sentinels and their clients reach the first primary through the link of the first replica."""
    with ExitStack() as stack:

        def started(number: int, *extra: str) -> RedisServer:
            place = folder / f"node-{number}"
            place.mkdir()
            node = RedisServer(place, "--repl-diskless-sync-delay", "0", *extra)
            node.start()
            stack.callback(node.kill)
            return node

        nodes = [started(0)]
        links = [stack.enter_context(FaultProxy("127.0.0.1", nodes[0].port)) for _ in range(replicas)]
        nodes += [started(n, "--replicaof", "127.0.0.1", str(link.port)) for n, link in enumerate(links, 1)]
        watching = []
        for number in range(sentinels):
            at = links[0].port if through_link else nodes[0].port
            watching.append(SentinelServer(folder / f"sentinel-{number}", at, sentinels // 2 + 1))
            watching[-1].start()
            stack.callback(watching[-1].kill)
        group = Group(nodes, links, watching)
        group.wait_until_whole()
        wait_until(lambda: _known(watching) == [replicas] * sentinels, what="Sentinel knows the replicas")
        yield group


def _known(sentinels: list[SentinelServer]) -> list[int]:
    known = []
    for sentinel in sentinels:
        with sentinel.client() as client:
            known.append(int(client.sentinel_master(NAME)["num-slaves"]))
    return known
