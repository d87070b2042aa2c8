"""Redis connections: bounded waits, no retries that could add an entry twice, and TLS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from holdfast.shared.connections.address import Address, parse_redis
from holdfast.shared.connections.cluster import HOME, ClusterRedis, slot_of
from holdfast.shared.connections.connection import Encrypted, Local, Plain, code_of
from holdfast.shared.connections.primary import Primary, discovering
from holdfast.shared.connections.tls import Renewed
from holdfast.shared.connections.topology import Owner, Place, Topology, doubting


@dataclass(frozen=True, slots=True)
class RedisTimeouts:
    """The timeouts in seconds for connecting and for one reply."""

    connect_s: float
    io_s: float


def connection_options(address: Address, timeouts: RedisTimeouts, key: str = HOME) -> dict[str, Any]:
    """Return the options of a redis-py pool for `address`; every connection to Redis uses them. For a cluster, the
    pool's connections go to the node that owns `key`."""
    kind = _kind(address)
    login = {"username": address.user, "password": address.password, "db": int(address.database or 0)}
    if address.socket:
        return {**kind, "path": address.socket, **login}
    if address.sentinels:
        about = {**kind, "username": address.sentinel_user, "password": address.sentinel_password}
        sentinels = [_client(timeouts, 1, host=host, port=port, **about) for host, port in address.sentinels]
        kind["connection_class"] = discovering(kind["connection_class"], Primary(sentinels, address.service))
    if address.nodes:
        owner = Owner(_topology(address, timeouts), slot_of(key))
        kind["connection_class"] = discovering(kind["connection_class"], owner)
    return {**kind, "host": address.host, "port": address.port, **login}


def connect(address: str, timeouts: RedisTimeouts, pool_size: int = 16) -> Redis:
    """Return a client that connects on first use and never retries. Raises ValueError for an invalid address."""
    parsed = parse_redis(address)
    if not parsed.nodes:
        return _client(timeouts, pool_size, **connection_options(parsed, timeouts))
    topology = _topology(parsed, timeouts)
    kind = _kind(parsed)
    kind["connection_class"] = doubting(kind["connection_class"], topology)
    login = {"username": parsed.user, "password": parsed.password}
    halved = RedisTimeouts(timeouts.connect_s / 2, timeouts.io_s)  # the other half is for the look-up that comes first
    return ClusterRedis(
        topology, lambda place: _client(halved, pool_size, **kind, **login, host=place[0], port=place[1])
    )


def _topology(address: Address, timeouts: RedisTimeouts) -> Topology:
    options = {**_kind(address), "username": address.user, "password": address.password}

    def client(place: Place, wait_s: float) -> Redis:
        return _client(RedisTimeouts(wait_s, wait_s), 1, host=place[0], port=place[1], **options)

    return Topology(address.nodes, client, timeouts.connect_s / 2)


def _kind(address: Address) -> dict[str, Any]:
    """Return the options for a connection to one node."""
    if address.socket:
        return {"connection_class": Local}
    return {"connection_class": Encrypted, "tls": Renewed(address.tls)} if address.tls else {"connection_class": Plain}


def _client(timeouts: RedisTimeouts, pool_size: int, **options: Any) -> Redis:
    pool = BlockingConnectionPool(
        max_connections=pool_size,
        timeout=timeouts.io_s,
        socket_connect_timeout=timeouts.connect_s,
        socket_timeout=timeouts.io_s,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
        **options,
    )
    return Redis.from_pool(pool)


def entries(reply: Any) -> list[tuple[str, Mapping[bytes, bytes]]]:
    """Return the stream entries of a reply as (id, fields), without the ids of deleted entries."""
    return [(text(entry_id), fields) for entry_id, fields in reply or () if fields]


def text(value: Any) -> str:
    """Return a reply as text; bytes that are not UTF-8 are escaped."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def own_replies(replies: Sequence[Any]) -> list[Any]:
    """Return the replies of a pipeline that was executed with `raise_on_error=False`. A key of another type yields
    None, because only the owner of that key is affected. Raises every other error."""
    for reply in replies:
        if isinstance(reply, Exception) and code_of(reply) != "WRONGTYPE":
            raise reply
    return [None if isinstance(reply, Exception) else reply for reply in replies]
