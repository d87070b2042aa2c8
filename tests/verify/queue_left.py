"""Reads what the queue holds at rest, in all its partitions."""

import redis

from holdfast.shared.queue.names import ATTEMPTS, OPERATION, PREFIX, WRITERS_GROUP
from holdfast.shared.queue.partitions import Partition, Partitions
from tests.promises.final import Letter
from tests.users import EMAILS, PENDING

#: Seconds after the end of its lease within which a claim that no write holds is swept.
_SWEPT_S = 30


def letters(client: redis.Redis, partitions: Partitions) -> list[Letter]:
    """Return the letters that are not indexed yet."""
    return [
        Letter(id.decode(), fields.get(b"original.operation_id", b"").decode(), "dead", fields[b"reason"].decode())
        for partition in partitions
        for id, fields in client.xrange(partition.dead)
    ]


def entries(client: redis.Redis, partitions: Partitions) -> list[str]:
    """Return the ids of the writes that have not ended."""
    return [id.decode() for partition in partitions for id, _ in client.xrange(partition.writes)]


def resent(client: redis.Redis, partitions: Partitions) -> int:
    """Return the number of letters that replays put on the streams."""
    return sum(int(client.hget(partition.ledger, "replayed") or 0) for partition in partitions)


def names(client: redis.Redis, partitions: Partitions, dead: set[str]) -> list[str]:
    """Return the keys that are left of writes that have ended. `dead`: operations that wait for an operator, and keep
    their keys."""
    return [name for partition in partitions for name in _names(client, partition, dead)]


def _names(client: redis.Redis, partition: Partition, dead: set[str]) -> list[str]:
    left = []
    if pending := client.xpending(partition.writes, WRITERS_GROUP)["pending"]:
        left.append(f"{pending} pending entries of {partition.writes}")
    of_writes = tuple(partition.prefix + kind.removeprefix(PREFIX) for kind in (PENDING, ATTEMPTS))
    operation = partition.prefix + OPERATION.removeprefix(PREFIX)
    for key in client.scan_iter(match=f"{partition.prefix}*", count=1000):
        name = key.decode()
        if name.startswith(of_writes) or (name.startswith(operation) and name.removeprefix(operation) not in dead):
            left.append(name)
    claims = partition.prefix + EMAILS.removeprefix(PREFIX)
    now_s, _ = client.time()
    for holder in client.hgetall(claims).values():
        left += [f"{claims} {id}" for id in _holders(holder.decode(), now_s) if id not in dead]
    return left


def _holders(claim: str, now_s: int) -> list[str]:
    """Return the operations that hold a claim. With several partitions each has a lease, during which it need not be on
    a stream."""
    _, *words = claim.split(" ")
    leases = words[1::2] or ["0"]
    return [id for id, until in zip(words[::2], leases, strict=True) if int(until) / 1e6 + _SWEPT_S <= now_s]
