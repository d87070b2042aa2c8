"""Described: the form that answers give to an entity, and to an operation, whichever store holds it."""

import time
from typing import Any

from holdfast.services.api.rejections import details_of, error_of
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import (
    AppError,
    WriteDeadLettered,
    WriteDiscarded,
    WriteExpired,
    WriteLost,
)
from holdfast.shared.letters.find.search import Row
from holdfast.shared.letters.ids import number_or_none, time_of
from holdfast.shared.letters.state import State
from holdfast.shared.queue.pending import PendingOperation
from holdfast.shared.runtime.timestamps import precise
from holdfast.shared.store import reads
from holdfast.shared.writes import versions
from holdfast.shared.writes.merge import Entity
from holdfast.shared.writes.outcome import Rejected


def describe(entity: Entity) -> dict[str, Any]:
    """Return `data` of an entity."""
    created_version, version = entity.created_version, entity.version
    created_at = precise(versions.to_datetime(created_version))
    return {
        "id": entity.id,
        **entity.shown(),
        "created_at": created_at,
        "updated_at": created_at if version == created_version else precise(versions.to_datetime(version)),
        "version": version,
    }


def _of_entity(resource: str, entity_id: str, version: int | None) -> dict[str, Any]:
    """Return an operation's fields about its entity, which are named after the resource: `user_id`, `user_version`."""
    known = domain().by_plural.get(resource)
    one = known.singular if known else "entity"
    return {f"{one}_id": entity_id, f"{one}_version": version}


def describe_pending(operation_id: str, pending: PendingOperation) -> dict[str, Any]:
    """Return `data` of an operation that the queue holds: it is queued or dead-lettered."""
    dead = pending.dead_letter_reason is not None
    error = None
    if dead:
        error = _error(WriteDeadLettered(), {"reason": pending.dead_letter_reason})
    return {
        "id": operation_id,
        **_of_entity(pending.resource, pending.entity_id, None),
        "command": pending.command,
        "status": "dead_lettered" if dead else "queued",
        "done": dead,
        "failed_attempts": pending.failed_attempts,
        "last_error": pending.last_error or None,
        "accepted_at": precise(versions.to_datetime(pending.version)),
        "ended_at": precise(time_of(number)) if dead and (number := number_or_none(pending.letter)) else None,
        "waiting_s": 0.0 if dead else round(max(0.0, time.time() - pending.version / 1_000_000), 3),
        "error": error,
    }


def describe_letter(letter: Row) -> dict[str, Any]:
    """Return `data` of an operation whose dead letter waits for an operator, or was discarded by one."""
    discarded = letter.state is State.DISCARDED
    version = letter.version or 0
    return {
        "id": letter.operation_id,
        **_of_entity(letter.resource or "", letter.entity_id or "", None),
        "command": letter.command,
        "status": "discarded" if discarded else "dead_lettered",
        "done": True,
        "failed_attempts": letter.attempts,
        "last_error": letter.error or None,
        "accepted_at": precise(versions.to_datetime(version)),
        "ended_at": precise(letter.state_at if discarded else time_of(letter.id)),
        "waiting_s": 0.0,
        "error": _error(WriteDiscarded() if discarded else WriteDeadLettered(), {"reason": letter.reason}),
    }


def describe_lost(operation_id: str, made: int) -> dict[str, Any]:
    """Return `data` of an operation that no store knows, from a time whose writes were lost with the queue's memory."""
    return {
        "id": operation_id,
        **_of_entity(domain().resources[0].plural, "", None),
        "command": "",
        "status": "lost",
        "done": True,
        "failed_attempts": 0,
        "last_error": None,
        "accepted_at": precise(versions.to_datetime(made)),
        "ended_at": None,
        "waiting_s": 0.0,
        "error": _error(WriteLost(), {}),
    }


def describe_ended(ended: reads.EndedOperation) -> dict[str, Any]:
    """Return `data` of an operation that has ended."""
    rejected = ended.outcome if isinstance(ended.outcome, Rejected) else None
    expired = rejected is not None and rejected.code == WriteExpired.code
    version = None if isinstance(ended.outcome, Rejected) else ended.outcome.version
    resource = domain().by_plural.get(ended.resource)
    return {
        "id": ended.operation_id,
        **_of_entity(ended.resource, ended.entity_id, version),
        "command": ended.command,
        "status": "expired" if expired else ended.outcome.status,
        "done": True,
        "failed_attempts": 0,
        "last_error": None,
        "accepted_at": precise(versions.to_datetime(ended.version)),
        "ended_at": precise(ended.ended_at),
        "waiting_s": 0.0,
        "error": _error(error_of(rejected, ended.operation_id, resource), details_of(rejected)) if rejected else None,
    }


def _error(error: AppError, details: dict[str, Any]) -> dict[str, Any]:
    """Return `error` of an operation."""
    return {"code": error.code, "message": error.message, "details": details}
