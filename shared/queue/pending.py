"""Pending: what Redis knows of writes that are accepted and not over."""

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
    """An entity's writes on their way, oldest first."""

    writes: Sequence[Write]
    #: There is another that this build does not know.
    unknown: bool = False

    @property
    def any(self) -> bool:
        """Whether something is on its way."""
        return self.unknown or bool(self.writes)


_NOTHING = PendingWrites(())


@dataclass(frozen=True, slots=True)
class PendingOperation:
    """An operation that is queued or dead-lettered. `resource`: the plural name; `letter`: its dead letter's id."""

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
    """Those of each of these entities. What cannot be read is the result of its entity alone.

    Almost always there are none, which is one question and one number for all of them. Else each is read, in a second
    round trip."""
    names = {entity: partitions.of(entity.id).prefix + pending_name(entity) for entity in entities}
    if not await _any(redis, names, partitions):
        return dict.fromkeys(entities, _NOTHING)
    pipeline = redis.pipeline(transaction=False)
    for name in names.values():
        pipeline.hgetall(name)
    replies = await pipeline.execute(raise_on_error=False)
    return {entity: _pending(entity, reply) for entity, reply in zip(names, replies, strict=True)}


async def _any(redis: Redis, names: Mapping[Ref, str], partitions: Partitions) -> bool:
    """Whether something is kept under any of these names."""
    if len(partitions) == 1:
        return bool(await ask(redis, "EXISTS", *names.values()))
    pipeline = redis.pipeline(transaction=False)
    for part in partitions.split((entity.id, name) for entity, name in names.items()).values():
        pipeline.exists(*part)
    return any(await pipeline.execute(raise_on_error=False))  # an error too: some may be on a server that is away


def _pending(entity: Ref, fields: dict[bytes, bytes] | Exception) -> PendingWrites | Exception:
    if not fields:
        return _NOTHING
    try:
        if isinstance(fields, Exception):
            raise fields
        return _decoded(entity, fields)
    except Exception as error:  # noqa: BLE001 - it is raised for those who asked for this entity
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
    """The version of each entity's oldest write on its way; entities without one are left out. 0, older than all: what
    is kept of an entity is of another type, put there by hand, and holds nobody else."""
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
    """The operation, if it is queued or dead-lettered in this partition."""
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
    """The operation, whose id does not tell its partition: `look` at all of them. Raises what one raised that may know
    of it, if none of the others does."""
    answers = await asyncio.gather(*(look(each, operation_id) for each in partitions), return_exceptions=True)
    if (known := next((each for each in answers if isinstance(each, PendingOperation)), None)) is not None:
        return known
    failed = [each for each in answers if isinstance(each, BaseException)]
    del answers
    if failed:
        raise failed.pop()  # nothing here holds it: its traceback holds this frame
    return None
