"""Pending: what Redis knows of writes that are accepted and not over."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from redis.asyncio import Redis

from holdfast.shared.connections.redis import text
from holdfast.shared.queue.names import LAST, OPERATION, USER
from holdfast.shared.writes.commands import COMMANDS, Write


@dataclass(frozen=True, slots=True)
class PendingOperation:
    """An operation that is queued or dead-lettered."""

    user_id: str
    command: str
    version: int
    dead_letter_reason: str | None
    failed_attempts: int
    last_error: str


async def pending_writes(redis: Redis, user_id: str) -> list[Write]:
    """The user's writes on their way, oldest first. Empty for almost every user, almost always."""
    fields: dict[bytes, bytes] = cast(Any, await redis.hgetall(USER + user_id))
    writes = []
    for operation_id, value in fields.items():
        if operation_id == LAST.encode():
            continue
        version, command, payload = value.split(b" ", 2)
        model = COMMANDS[command.decode()].model_validate_json(payload)
        writes.append(Write(operation_id.decode(), user_id, model, int(version)))
    return sorted(writes, key=lambda write: write.version)


async def oldest_pending(redis: Redis, user_ids: Iterable[str]) -> dict[str, int]:
    """The version of each user's oldest write on its way; users without one are left out."""
    asked = list(user_ids)
    pipeline = redis.pipeline(transaction=False)
    for user_id in asked:
        pipeline.hgetall(USER + user_id)
    oldest = {}
    for user_id, fields in zip(asked, await pipeline.execute(), strict=True):
        versions = [int(value.split(b" ", 1)[0]) for field, value in fields.items() if field != LAST.encode()]
        if versions:
            oldest[user_id] = min(versions)
    return oldest


async def pending_operation(redis: Redis, operation_id: str) -> PendingOperation | None:
    """The operation, if it is queued or dead-lettered."""
    fields: dict[bytes, bytes] = cast(Any, await redis.hgetall(OPERATION + operation_id))
    if b"version" not in fields:
        return None
    return PendingOperation(
        user_id=text(fields[b"user"]),
        command=text(fields[b"command"]),
        version=int(fields[b"version"]),
        dead_letter_reason=text(fields[b"reason"]) if fields.get(b"status") == b"dead_lettered" else None,
        failed_attempts=int(fields.get(b"attempts", 0)),
        last_error=text(fields.get(b"error", b"")),
    )
