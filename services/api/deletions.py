"""Deletions: removes a deleted entity from every copy, even if the message about the deletion is lost.

Writers and the direct path renew the copy of an entity that they delete, at once and in the background, and this may
fail. So each api follows the database's own record of deletions, which is written in the transaction of the delete. The
api forgets the entities in its own memory, and replaces their copies in the cache by tombstones. The cache also keeps
the time up to which this is done, so that no deletion is left out after a time in which no api reached both stores.
"""

import asyncio
import calendar
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Never

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.api.database import Database
from holdfast.shared.cache.copies import JITTER, Copies
from holdfast.shared.cache.form import EntityCopy, entity_name
from holdfast.shared.domain.registry import domain
from holdfast.shared.errors import AppError
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store import deleted_entities
from holdfast.shared.store.deleted_entities import Deleted
from holdfast.shared.writes.merge import Entity

_EVERY_S = 1.0
_FORGET_EVERY_S = 60.0
_MARK = "holdfast:cache:deletions_until"
_SPARE_S = 600.0


class Deletions:
    """Follows the record of deletions while `run` runs. `hard_s`: the lifetime of a copy, in seconds."""

    def __init__(self, database: Database, redis: Redis, breaker: Breaker, copies: Copies, *, hard_s: float) -> None:
        self._database = database
        self._redis = redis
        self._breaker = breaker
        self._copies = copies
        self._kept_s = hard_s * (1 + JITTER) + _SPARE_S
        self._looking, self._marking = FailureReporter("deletions"), FailureReporter("deletions_mark")
        self._until: datetime | None = None
        self._done: frozenset[Deleted] = frozenset()

    async def run(self) -> Never:
        """Look for deletions every second until cancelled."""
        forgotten_at = 0.0
        while True:
            with self._looking.suppressing(AppError):  # while the database is away nothing is deleted
                await self.look()
                if time.monotonic() - forgotten_at > _FORGET_EVERY_S:
                    forgotten_at = time.monotonic()
                    await self._database.call(deleted_entities.forget, self._kept_s)
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Look for deletions once. Raises CircuitOpen, DatabaseUnavailable or DeadlineExceeded."""
        if self._until is None:  # no copy in this process is older than this moment
            self._until = await self._database.call(deleted_entities.now)
        reached, mark = await self._mark()
        found, until = await self._database.call(deleted_entities.deleted_since, min(self._until, mark or self._until))
        fresh = [each for each in found if each not in self._done]
        taken = await self._copies.bury(_tombstones(found), _tombstones(fresh))
        self._until = until
        if reached and taken:
            self._done = frozenset(found)
            await self._set_mark(until)

    async def _mark(self) -> tuple[bool, datetime | None]:
        """Return whether the cache answers, and the time up to which it has all deletions; None if it has no record."""
        try:
            with self._marking:
                value = await self._breaker.call_async(self._redis.get, _MARK)
        except (RedisError, OSError, CallRefused):
            return False, None
        try:
            return True, datetime.fromtimestamp(float(value), UTC).replace(tzinfo=None) if value else None
        except (ValueError, OverflowError):
            return True, None

    async def _set_mark(self, until: datetime) -> None:
        with self._marking.suppressing(RedisError, OSError, CallRefused):
            await self._breaker.call_async(
                self._redis.set, _MARK, calendar.timegm(until.timetuple()), px=int(self._kept_s * 1000)
            )


def _tombstones(deleted: Iterable[Deleted]) -> list[tuple[str, EntityCopy]]:
    as_of = time.time()
    tombstones = []
    for each in deleted:
        if (resource := domain().by_plural.get(each.resource)) is not None:  # no copy of an unknown resource is shown
            nothing = Entity.nothing(resource, each.entity_id)
            tombstone = nothing._replace(deleted_version=_us(each.deleted_at))
            tombstones.append((entity_name(tombstone.ref), EntityCopy(tombstone, as_of)))
    return tombstones


def _us(moment: datetime) -> int:
    return calendar.timegm(moment.timetuple()) * 1_000_000 + moment.microsecond
