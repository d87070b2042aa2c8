"""Halts: which writers are halted and why, and the orders with which an operator lets a writer continue."""

from collections.abc import Mapping
from contextlib import suppress

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis

from holdfast.shared.queue.names import GO_ON, HALTS
from holdfast.shared.queue.reports import reports
from holdfast.shared.runtime.time_budgets import HALT_GONE_S, HALTS_KEPT_S

# `allow-oom`: a halted writer keeps the queue full, so its report has to work at maxmemory.
_SAY = """#!lua flags=allow-oom
local now = redis.call('TIME')[1]
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
local word = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return word
"""
_ORDER = """#!lua flags=allow-oom
for i = 2, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
"""


class HaltReport(BaseModel):
    """A halt, as the writer reports it."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(max_length=64)
    #: The reason from the last entry that would have been dead-lettered.
    why: str = Field(max_length=1000)
    would_be_dead: int = Field(ge=0)
    for_s: float = Field(ge=0, allow_inf_nan=False)
    tries: int = Field(ge=0)
    next_try_in_s: float = Field(allow_inf_nan=False)


class GoOn(BaseModel):
    """An operator's order to continue after the halt with this id. The operator takes responsibility for the entries
    that are dead-lettered afterwards."""

    model_config = ConfigDict(frozen=True)

    halt_id: str
    actor: str
    reason: str


class Halts:
    """The halts and orders that are kept in the queue. Every method raises RedisError, OSError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def report(self, writer: str, halt: HaltReport) -> GoOn | None:
        """Report a halt. Return the operator's order for this halt, or None; an order is returned only once."""
        word = await self._redis.eval(_SAY, 2, HALTS, GO_ON, writer, halt.model_dump_json(), HALTS_KEPT_S)
        try:
            order = GoOn.model_validate_json(word) if word else None
        except ValidationError:  # written by another build, or by hand
            return None
        return order if order and order.halt_id == halt.id else None

    async def over(self, writer: str) -> None:
        """Record that the writer is no longer halted."""
        await self._redis.hdel(HALTS, writer)

    async def read(self) -> dict[str, HaltReport]:
        """Return the halts that were reported lately, by writer."""
        halted = {}
        for writer, report in (await reports(self._redis, HALTS)).within(HALT_GONE_S).items():
            with suppress(ValidationError):  # a value from another build, or put there by hand, is left out
                halted[writer] = HaltReport.model_validate_json(report)
        return halted

    async def order(self, halted: Mapping[str, HaltReport], actor: str, reason: str) -> None:
        """Order these writers to continue. A writer takes its order up within about a second; an order that is not
        taken up expires after a minute."""
        words: list[str] = []
        for writer, halt in halted.items():
            words += [writer, GoOn(halt_id=halt.id, actor=actor, reason=reason).model_dump_json()]
        if words:
            await self._redis.eval(_ORDER, 1, GO_ON, HALTS_KEPT_S, *words)
