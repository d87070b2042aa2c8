"""Pending: reads what Redis holds about accepted writes that are not over."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from redis.asyncio import Redis

from holdfast.shared.connections.asking import ask
from holdfast.shared.connections.redis import own_replies, text
from holdfast.shared.queue.codec import Undecodable, UnknownWrite, decode_payload, raw_resource, read_conditions
from holdfast.shared.queue.entities import pending_name
from holdfast.shared.queue.names import LAST
from holdfast.shared.queue.partitions import ONE, QUEUE, Partition, Partitions
from holdfast.shared.queue.payloads import payloads
from holdfast.shared.writes.commands import Ref, Write


class PendingWrites(NamedTuple):
    """An entity's pending writes, oldest first."""

    writes: Sequence[Write]
    #: Whether there is another pending write, which this build cannot decode.
    unknown: bool = False

    @property
    def any(self) -> bool:
        """Whether the entity has any pending write."""
        return self.unknown or bool(self.writes)


_NOTHING = PendingWrites(())


@dataclass(frozen=True, slots=True)
class PendingOperation:
    """An operation that is queued or dead-lettered. `resource`: the plural name; `letter`: the dead letter's id."""

    resource: str
    entity_id: str
    command: str
    version: int
    dead_letter_reason: str | None
    letter: str
    failed_attempts: int
    last_error: str


async def pending_writes(
    redis: Redis, entities: Sequence[Ref], partitions: Partitions = ONE
) -> dict[Ref, PendingWrites | Exception]:
    """Return the pending writes of each entity. If an entity's writes cannot be read, its value is the error; the
    other entities are not affected.

    Almost always no entity has a pending write, which one EXISTS for all of them shows. Otherwise they are read in a
    second round trip. Raises RedisError, OSError.
    """
    names = {entity: partitions.of(entity.id).prefix + pending_name(entity) for entity in entities}
    if not await _any(redis, names, partitions):
        return dict.fromkeys(entities, _NOTHING)
    pipeline = redis.pipeline(transaction=False)
    for name in names.values():
        pipeline.hgetall(name)
    replies = await pipeline.execute(raise_on_error=False)
    return {entity: _pending(entity, reply) for entity, reply in zip(names, replies, strict=True)}


async def _any(redis: Redis, names: Mapping[Ref, str], partitions: Partitions) -> bool:
    """Return whether any of these keys exists, or may exist on a server that does not answer."""
    if len(partitions) == 1:
        return bool(await ask(redis, "EXISTS", *names.values()))
    pipeline = redis.pipeline(transaction=False)
    for part in partitions.split((entity.id, name) for entity, name in names.items()).values():
        pipeline.exists(*part)
    return any(await pipeline.execute(raise_on_error=False))  # an error counts: that server may have keys


def _pending(entity: Ref, fields: dict[bytes, bytes] | Exception) -> PendingWrites | Exception:
    if not fields:
        return _NOTHING
    try:
        if isinstance(fields, Exception):
            raise fields
        return _decoded(entity, fields)
    except Exception as error:  # noqa: BLE001 - raised for the callers that asked for this entity
        return error


def _decoded(entity: Ref, fields: dict[bytes, bytes]) -> PendingWrites:
    writes, unknown = [], False
    for operation_id, value in fields.items():
        if operation_id == LAST.encode():
            continue
        version, named, payload = value.split(b" ", 2)
        label, _, conditions = named.partition(b";")
        known = payloads().get(label)
        try:
            if known is None or known.resource.plural != entity.resource:
                raise UnknownWrite("unknown command")
            on = read_conditions(conditions) if conditions else {}
            writes.append(Write(operation_id.decode(), entity.id, decode_payload(known, payload), int(version), **on))
        except Undecodable:
            unknown = True
    return PendingWrites(sorted(writes, key=lambda write: write.version), unknown)


async def oldest_pending(redis: Redis, entities: Iterable[Ref], partitions: Partitions) -> dict[Ref, int]:
    """Return the version of each entity's oldest pending write. Entities without a pending write are left out.

    The value is 0, older than every write, if the entity's key is of another type, because it was made by hand; the
    other entities are not affected. Raises RedisError, OSError.
    """
    asked = [entity for entity in entities if pending_name(entity)]
    pipeline = redis.pipeline(transaction=False)
    for entity in asked:
        pipeline.hgetall(partitions.of(entity.id).prefix + pending_name(entity))
    oldest = {}
    for entity, fields in zip(asked, own_replies(await pipeline.execute(raise_on_error=False)), strict=True):
        if fields is None:
            oldest[entity] = 0
            continue
        versions = [int(value.split(b" ", 1)[0]) for field, value in fields.items() if field != LAST.encode()]
        if versions:
            oldest[entity] = min(versions)
    return oldest


async def pending_operation(redis: Redis, operation_id: str, partition: Partition = QUEUE) -> PendingOperation | None:
    """Return the operation if it is queued or dead-lettered in this partition, else None. Raises RedisError,
    OSError."""
    fields: Any = await cast(Any, redis.hgetall(partition.operation(operation_id)))
    if b"version" not in fields:
        return None
    return PendingOperation(
        resource=raw_resource(fields),
        entity_id=text(fields.get(b"entity") or fields[b"user"]),
        command=text(fields[b"command"]),
        version=int(fields[b"version"]),
        dead_letter_reason=text(fields[b"reason"]) if fields.get(b"status") == b"dead_lettered" else None,
        letter=text(fields.get(b"letter", b"")),
        failed_attempts=int(fields.get(b"attempts", 0)),
        last_error=text(fields.get(b"error", b"")),
    )


async def anywhere(
    partitions: Partitions,
    look: Callable[[Partition, str], Awaitable[PendingOperation | None]],
    operation_id: str,
) -> PendingOperation | None:
    """Return the operation from any partition, or None if no partition has it. An operation's id does not tell its
    partition, so `look` is called for all partitions. If no partition has the operation and a call failed, that error
    is raised, because the failing partition may have it."""
    answers = await asyncio.gather(*(look(each, operation_id) for each in partitions), return_exceptions=True)
    if (known := next((each for each in answers if isinstance(each, PendingOperation)), None)) is not None:
        return known
    failed = [each for each in answers if isinstance(each, BaseException)]
    del answers
    if failed:
        raise failed.pop()  # the error's traceback holds this frame, so the frame must not hold the error
    return None
