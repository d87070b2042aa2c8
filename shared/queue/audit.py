"""Audit: records what operators did, in the queue Redis, which is durable. The record is bounded; the log has every
action too."""

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.queue.names import AUDIT
from holdfast.shared.resilience.failure_reporter import text_of
from holdfast.shared.telemetry import logs
from holdfast.shared.telemetry.logs import Action

_KEPT = 10_000


async def record(redis: Redis, fields: dict[str, str]) -> bool:
    """Add an entry, whose id is the time. Return whether it was recorded; a failure is logged and not raised, because
    an operator's action must not depend on its record."""
    try:
        await redis.xadd(AUDIT, {name: value for name, value in fields.items()}, maxlen=_KEPT, approximate=True)
        return True
    except (RedisError, OSError) as error:
        logs.warning(Action.AUDIT_FAILED, error=text_of(error), **fields)
        return False
