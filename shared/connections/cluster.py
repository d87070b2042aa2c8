"""Cluster: a client of a Redis Cluster. Each command, pipeline and script goes to the node that owns its keys' slot.

redis-py's own cluster client resends a command after a failure, and follows redirections by itself, so an entry could
be added twice. Here a redirection is a failure like any other. Nothing is resent, and the next command goes to the
owner that is known by then.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.crc import key_slot
from redis.exceptions import RedisError

from holdfast.shared.connections.topology import Place, Topology

T = TypeVar("T")

#: The hash tag of the queue. Commands without a key (TIME, INFO, SUBSCRIBE) go to the node that owns its slot.
HOME = "{holdfast}"

_KEYLESS = frozenset({"PING", "TIME", "INFO", "WAIT", "WAITAOF", "PUBLISH", "SCRIPT LOAD", "CLIENT ID", "ECHO"})
_SCRIPTS = frozenset({"EVAL", "EVALSHA"})
_READS = frozenset({"XREAD", "XREADGROUP"})


def slot_of(key: str | bytes) -> int:
    """Return the slot of a key."""
    return key_slot(key.encode() if isinstance(key, str) else bytes(key))


def first_key(command: Sequence[Any]) -> str | bytes | None:
    """Return the first key of a command in the form that redis-py passes to `execute_command`, or None if it has
    none."""
    name = command[0]
    if name in _KEYLESS:
        return None
    at = 1
    if name in _SCRIPTS:
        at = 3 if int(command[2]) else len(command)
    elif name in _READS:
        at = 1 + next(i for i, word in enumerate(command) if word in ("STREAMS", b"STREAMS"))
    return command[at] if at < len(command) else None


def in_one_slot(redis: Redis, things: Sequence[T], key: Callable[[T], str]) -> Iterable[Sequence[T]]:
    """Group things by slot, so that one command may use the keys of a group together. Without a cluster: a single
    group."""
    if not isinstance(redis, ClusterRedis):
        return [things]
    groups: dict[int, list[T]] = {}
    for thing in things:
        groups.setdefault(slot_of(key(thing)), []).append(thing)
    return groups.values()


class ClusterRedis(Redis):
    """A client with a pool of connections for each node. `node` creates the client of a node. No command is sent
    twice."""

    def __init__(self, topology: Topology, node: Callable[[Place], Redis]) -> None:
        self._topology = topology
        self._node = node
        self._nodes: dict[Place, Redis] = {}
        super().__init__(connection_pool=_Home(self))

    async def at(self, key: str | bytes | None) -> Redis:
        """Return the client of the node that currently owns this key's slot; for None, the queue's slot. Raises
        RedisError."""
        place = await self._topology.owner(slot_of(HOME if key is None else key))
        found = self._nodes.get(place)
        if found is None:
            found = self._nodes[place] = self._node(place)
            for other, client in list(self._nodes.items()):
                if not self._topology.has(other):
                    await client.connection_pool.disconnect(inuse_connections=False)
        return found

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send a command to the node that owns its first key, and return the reply. Raises what redis-py raises."""
        node = await self.at(first_key(args))
        return await node.execute_command(*args, **options)  # type: ignore[no-untyped-call]  # untyped there

    async def mget(self, keys: Any, *args: Any) -> Any:
        """Return the values of keys in any slots, in the order of the keys."""
        names = [*([keys] if isinstance(keys, str | bytes) else keys), *args]
        groups = in_one_slot(self, names, lambda name: name)
        pipeline = self.pipeline(transaction=False)
        for group in groups:
            pipeline.mget(group)
        found = await pipeline.execute()
        values = dict(zip(chain.from_iterable(groups), chain.from_iterable(found), strict=True))
        return [values[name] for name in names]

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        """Return a pipeline. All keys of a transaction have to be in one slot."""
        return _ClusterPipeline(self, transaction)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close the connections to all nodes."""
        for client in self._nodes.values():
            await client.aclose()


class _ClusterPipeline(Pipeline):
    """A pipeline that sends the commands of each node in one round trip. A command without a key goes with the one
    before it."""

    def __init__(self, cluster: ClusterRedis, transaction: bool) -> None:
        super().__init__(cluster.connection_pool, cluster.response_callbacks, transaction, None)
        self._cluster = cluster

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send the commands, and return their replies in order. Raises what redis-py raises; commands to other nodes
        may have taken effect then. Without `raise_on_error`, the error of a node that is away is the reply to each of
        its commands, if other nodes answer."""
        commands, self.command_stack = self.command_stack, []
        key = next((found for command, _ in commands if (found := first_key(command)) is not None), None)
        parts: dict[int, tuple[Redis, list[int]]] = {}
        for position, (command, _) in enumerate(commands):
            if not self.is_transaction:
                key = first_key(command) or key
            node = await self._cluster.at(key)
            parts.setdefault(id(node), (node, []))[1].append(position)

        async def send(node: Redis, positions: list[int]) -> list[Any]:
            pipeline = node.pipeline(transaction=self.is_transaction)
            for position in positions:
                command, options = commands[position]
                pipeline.execute_command(*command, **options)
            return list(await pipeline.execute(raise_on_error))

        if len(parts) == 1:
            [(node, positions)] = parts.values()
            return await send(node, positions)
        replies: dict[int, Any] = {}
        sent = await asyncio.gather(*(send(*part) for part in parts.values()), return_exceptions=True)
        for (_, positions), reply in zip(parts.values(), sent, strict=True):
            if isinstance(reply, BaseException):
                if raise_on_error or not isinstance(reply, RedisError | OSError):
                    raise reply
                replies |= dict.fromkeys(positions, reply)
            else:
                replies |= zip(positions, reply, strict=True)
        return [replies[position] for position in range(len(commands))]


class _Home(BlockingConnectionPool):
    """A pool of connections to whichever node owns the queue's slot, for subscriptions."""

    def __init__(self, cluster: ClusterRedis) -> None:
        super().__init__()
        self._cluster = cluster
        self._lent: dict[AbstractConnection, ConnectionPool] = {}

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Any:
        """Return a connection to the current owner. Raises RedisError."""
        pool = (await self._cluster.at(None)).connection_pool
        connection: AbstractConnection = await pool.get_connection()  # type: ignore[no-untyped-call]  # untyped there
        self._lent[connection] = pool
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Return a connection to its own pool."""
        await self._lent.pop(connection).release(connection)
