"""View: users and operations as a caller sees them: the database's row, with the writes still on their way on top."""

import time
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from services.api.database import Database
from shared import versions
from shared.commands import Write
from shared.errors import DatabaseUnavailable, QueueUnavailable
from shared.http.envelope import precise
from shared.merge import User, merge
from shared.outcome import Rejected
from shared.queue.pending import PendingOperation, pending_operation, pending_writes
from shared.store import reads


@dataclass(frozen=True, slots=True)
class UserView:
    """A user as of now, and whether part of it is still on its way to the database."""

    user: User | None
    pending: bool


class View:
    """Reads over both stores."""

    def __init__(self, redis: Redis, database: Database) -> None:
        self._redis = redis
        self._database = database

    async def user(self, user_id: str) -> UserView:
        """Raises DatabaseUnavailable, unless what is on its way says all."""
        # Redis first: a write that settles between the two reads is then seen twice, which changes nothing.
        try:
            writes = await pending_writes(self._redis, user_id)
        except (RedisError, OSError):
            writes = []
        try:
            row = await self._database.call(reads.user, user_id)
        except DatabaseUnavailable:
            user = _with_pending(None, writes)
            if user is None or not user.visible:
                raise
            return UserView(user, pending=True)
        user = _with_pending(row, writes)
        return UserView(user if user and user.visible else None, pending=bool(writes))

    async def operation(self, operation_id: str) -> dict[str, Any] | None:
        """Raises when a store that might know of it does not answer; None: both answered, and neither knows."""
        redis_failed = False
        try:
            if pending := await pending_operation(self._redis, operation_id):
                return describe_pending(operation_id, pending)
        except (RedisError, OSError):
            redis_failed = True
        ended = await self._database.call(reads.ended_operation, operation_id)
        if ended is None:
            if redis_failed:
                raise QueueUnavailable("The queue, which may know of this operation, does not answer.")
            return None
        return describe_ended(ended)


def describe_user(user: User) -> dict[str, Any]:
    """`data` of a user."""
    return {
        "id": user.id,
        "name": user.name,
        "email": user.email,
        "created_at": precise(versions.to_datetime(user.created_version)),
        "updated_at": precise(versions.to_datetime(user.version)),
        "version": user.version,
    }


def describe_pending(operation_id: str, pending: PendingOperation) -> dict[str, Any]:
    """`data` of an operation that is not over."""
    dead = pending.dead_letter_reason is not None
    error = None
    if dead:
        error = {"code": "WRITE_DEAD_LETTERED", "message": "The write could not be applied and waits for an operator.",
                 "details": {"reason": pending.dead_letter_reason}}  # fmt: skip
    return {
        "id": operation_id,
        "user_id": pending.user_id,
        "command": pending.command,
        "status": "dead_lettered" if dead else "queued",
        "done": dead,
        "failed_attempts": pending.failed_attempts,
        "last_error": pending.last_error or None,
        "accepted_at": precise(versions.to_datetime(pending.version)),
        "ended_at": None,
        "waiting_s": round(max(0.0, time.time() - pending.version / 1_000_000), 3),
        "user_version": None,
        "error": error,
    }


def describe_ended(ended: reads.EndedOperation) -> dict[str, Any]:
    """`data` of an operation that is over."""
    rejected = ended.outcome if isinstance(ended.outcome, Rejected) else None
    return {
        "id": ended.operation_id,
        "user_id": ended.user_id,
        "command": ended.command,
        "status": "rejected" if rejected else "applied",
        "done": True,
        "failed_attempts": 0,
        "last_error": None,
        "accepted_at": precise(versions.to_datetime(ended.version)),
        "ended_at": precise(ended.ended_at),
        "waiting_s": 0.0,
        "user_version": None if isinstance(ended.outcome, Rejected) else ended.outcome.version,
        "error": rejection(rejected) if rejected else None,
    }


_REJECTIONS = {
    "EMAIL_TAKEN": "Another user has this e-mail address.",
    "PRECONDITION_FAILED": "The user has changed since the version named in If-Match.",
    "USER_NOT_FOUND": "There is no user with this id.",
    "USER_EXISTS": "A user with this id exists.",
}


def rejection(rejected: Rejected) -> dict[str, Any]:
    """`error` of a rejected operation."""
    return {"code": rejected.code, "message": _REJECTIONS[rejected.code], "details": rejected.detail}


def _with_pending(row: User | None, writes: list[Write]) -> User | None:
    user = row
    for write in writes:
        user, _ = merge(user, write, overtaking=True)
    return user
