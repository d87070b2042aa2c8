"""View: reads entities and operations as a client sees them: the database's row with the pending writes on top."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.api.batcher import Batcher
from holdfast.services.api.database import Database, Row
from holdfast.services.api.described import describe_ended, describe_letter, describe_lost, describe_pending
from holdfast.services.api.flights import Flights
from holdfast.services.api.hedge import Hedge, hedged
from holdfast.services.api.seen import Seen, deleted_by, shown, with_pending
from holdfast.services.api.shed import spared
from holdfast.shared.cache.copies import Copies, Page
from holdfast.shared.cache.form import EntityCopy, PageCopy, entity_name, named, page_name, unique_name
from holdfast.shared.cache.refresh import Refresher
from holdfast.shared.domain.registry import domain
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.errors import (
    CircuitOpen,
    DatabaseSlow,
    DatabaseUnavailable,
    OperationPurged,
    Overloaded,
    QueueUnavailable,
    without_frames,
)
from holdfast.shared.letters.find import whole as dead
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from holdfast.shared.queue.pending import (
    PendingOperation,
    PendingWrites,
    anywhere,
    pending_operation,
    pending_writes,
)
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.resilience.time_limits import TimeLimit, TimeLimits
from holdfast.shared.runtime.time_budgets import ANSWER_RESERVE_S, REQUEST_TIMEOUT_MAX_S
from holdfast.shared.store import epochs, reads
from holdfast.shared.telemetry.decisions import decided
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.telemetry.tracing import spans
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.merge import Entity

#: The database does not answer, is known to be away, or is not asked because too many requests wait for it.
_REFUSALS = (DatabaseUnavailable, DatabaseSlow, CircuitOpen, Overloaded)
#: The share of a read's time after which the read may be answered from a copy.
_HEDGE_AT = 0.5


class _Page(NamedTuple):
    """A page of a resource: the name of its copy, and how many entities it shows at most."""

    name: str
    resource: ResourceType
    limit: int


class View:
    """Reads over all stores: the database with the queue's pending writes on top, and copies if the database fails."""

    def __init__(
        self,
        redis: Redis,
        queue: Sequence[Breaker],
        database: Database,
        copies: Copies,
        refresher: Refresher,
        *,
        stale_max_s: float,
        read_timeout_s: float,
        secret: bytes,
        partitions: Partitions = ONE,
    ) -> None:
        """Create the view. `queue`: one breaker per partition. `secret`: shared by all replicas; it hides the values
        that copies of look-ups are named after."""
        self._redis = redis
        self._partitions = partitions
        self._queue = queue
        self._database = database
        self._copies = copies
        self._refresher = refresher
        self._stale_max_s = stale_max_s
        self._read_timeout_s = read_timeout_s
        self._hedge_s = _HEDGE_AT * read_timeout_s
        self._secret = secret
        self._limits = TimeLimits()
        self._flights: Flights[Seen] = Flights()
        self._entity_copies: Batcher[Ref, EntityCopy | None] = Batcher(copies.entities)
        self._page_copies: Batcher[_Page, Seen | None] = Batcher(self._copied_pages)
        self._pending_writes: Batcher[Ref, PendingWrites] = Batcher(self._look)
        database.listen(self._offer)
        self._looking, self._asking = FailureReporter("pending_writes"), FailureReporter("pending_operation")

    async def entity(self, which: Ref, *, fresh: bool = False) -> Seen:
        """Return the entity, or none. `fresh`: accept no copies. Raises DatabaseUnavailable, CircuitOpen, Overloaded or
        QueueUnavailable if no store can tell."""
        # The queue first: a write that settles between the two reads is then seen twice, which changes nothing.
        pending = await self._pending(which)
        copy = refusal = None

        async def kept() -> EntityCopy | None:
            found = None if fresh else await self._entity_copies.get(which)
            return found if not fresh and self._young(entity_name(which), found) else None

        try:
            row = (await self._row(which, Hedge(self._hedge_s, kept))).entity
        except _REFUSALS as error:
            refusal = without_frames(error)
            copy = error.copy if isinstance(error, DatabaseSlow) else await kept()
            row = copy.entity if copy else None
        source = "cache" if copy else "queue"
        entity = with_pending(row, pending.writes if pending else (), versions.wall_clock())
        visible = entity is not None and entity.visible
        # An id is never used again. So a copy of a deleted entity, or a delete without conditions in the queue, is as
        # good as the database.
        if not visible and not (row and row.deleted_version) and not (pending and deleted_by(pending.writes)):
            if refusal:
                raise refusal
            if pending is None:
                raise QueueUnavailable("The queue, which may know of it, does not answer.")
        if refusal and entity and visible and not copy:
            # Later writes, even a delete, may have bypassed the queue, so this is the entity as of its acceptance.
            accepted = EntityCopy(entity, entity.created_version / 1_000_000)
            if fresh or not self._young(entity_name(which), accepted):
                raise refusal
            copy = accepted
        seen = [entity] if entity and visible else []
        return Seen(seen, None if pending is None else pending.any, copy, refusal, source)

    async def page(self, resource: ResourceType, after: int, limit: int, *, fresh: bool) -> Seen:
        """Return at most `limit` entities created after version `after`. Raises like `entity`."""
        # One entity more than is shown, to learn whether there is a page after this one.
        read = partial(self._database.read, reads.page, resource, after, limit + 1)
        return await self._page(_Page(page_name(resource, after, limit), resource, limit), read, fresh=fresh)

    async def by_unique_value(self, resource: ResourceType, field: Field, key: str, *, fresh: bool) -> Seen:
        """Return the entity that has this value, or none. Raises like `entity`."""
        claims = field.unique.claims if field.unique else ""
        read = partial(self._database.read, reads.by_unique_value, resource, field, key)
        seen = await self._page(_Page(unique_name(claims, key, self._secret), resource, 1), read, fresh=fresh)
        # An entity's own copy may be newer than the copy of the look-up, and may not have the value any more.
        return seen._replace(entities=[entity for entity in seen.entities if (claims, key) in entity.claims], data=None)

    def _row(self, which: Ref, hedge: Hedge) -> Awaitable[Row]:
        if (refusal := spared()) is not None:
            raise refusal
        return self._database.row(domain().by_plural[which.resource], which.id, hedge)

    def _offer(self, entities: Sequence[Entity], as_of: float) -> None:
        self._refresher.offer(named(entities, as_of))

    async def _page(self, which: _Page, read: Callable[[], Awaitable[reads.Read]], *, fresh: bool) -> Seen:
        """Return the page from the database, else from a copy. Raises like `entity`."""

        async def kept() -> Seen | None:
            found = None if fresh else await self._page_copies.get(which)
            return found if not fresh and self._young(which.name, found.copy if found else None) else None

        try:
            return await hedged(self._shared_page(which, read), self._hedge_s, kept)
        except _REFUSALS as refusal:
            copied: Seen | None = refusal.copy if isinstance(refusal, DatabaseSlow) else await kept()
            if copied is None:
                raise
            return copied._replace(instead_of=refusal)

    async def _shared_page(self, which: _Page, read: Callable[[], Awaitable[reads.Read]]) -> Seen:
        """Return the page from the database. Each page has at most one read in flight, which requests share."""
        if (refusal := spared()) is not None:
            raise refusal
        fetch = partial(self._fetch_page, which, read)
        if not self._database.undisturbed:  # no request waits for another one's probe
            return await fetch()
        # Another request's read takes its own time, which may be longer than the time of this request.
        patience_s = min(self._read_timeout_s, deadline.remaining_s() - ANSWER_RESERVE_S)
        try:
            return await self._flights.share(which.name, fetch, patience_s)
        except TimeoutError as waited:
            raise DatabaseUnavailable() from waited

    async def _fetch_page(self, which: _Page, read: Callable[[], Awaitable[reads.Read]]) -> Seen:
        as_of = time.time()
        entities, began_us = await read()
        page = PageCopy.of(entities, began_us, as_of)
        # The entities first: a page without them is no copy.
        self._refresher.renew(named(entities, as_of))
        self._refresher.offer([(which.name, page)])
        return shown(entities, page.listed, which.limit)

    async def _copied_pages(self, pages: Sequence[_Page]) -> Mapping[_Page, Seen | None]:
        copies = await asyncio.gather(*(self._copies.page(each.name, each.resource.plural) for each in pages))
        return {
            page: shown(copy.entities, copy.listed, page.limit)._replace(copy=copy) if copy else None
            for page, copy in zip(pages, copies, strict=True)
        }

    def _young(self, name: str, copy: EntityCopy | Page | None) -> bool:
        """Return whether there is a copy that is young enough to be shown."""
        age_s = max(0.0, time.time() - copy.as_of) if copy else None
        if age_s is not None and age_s <= self._stale_max_s:
            return True
        too_old_s = None if age_s is None else round(age_s, 1)
        decided(Action.NO_COPY, of=name.partition(":")[0], age_s=too_old_s, age_max_s=self._stale_max_s)
        return False

    async def _pending(self, entity: Ref) -> PendingWrites | None:
        """Return the entity's pending writes, or None if the queue does not answer."""
        queue = self._queue[self._partitions.of(entity.id).number]
        try:
            with self._time_of_the_queue(), self._looking:
                if not queue.undisturbed:
                    return await self._pending_writes.alone(entity)
                get = self._pending_writes.get
                return await (get if spans.collector is None else spans.around(str(queue.name), get))(entity)
        except (CallRefused, RedisError, OSError):
            return None

    def _time_of_the_queue(self) -> TimeLimit:
        """Return the limit of a look at the queue: half of the request's time, because the database is asked after
        it."""
        return self._limits.within(min(REQUEST_TIMEOUT_MAX_S, deadline.remaining_s() / 2))

    async def _look(self, entities: Sequence[Ref]) -> Mapping[Ref, PendingWrites | Exception]:
        if len(self._partitions) == 1:  # a single call needs no task of its own
            return await self._look_at(self._partitions[0], entities)
        parts = self._partitions.split((entity.id, entity) for entity in entities)
        found: dict[Ref, PendingWrites | Exception] = {}
        for each in await asyncio.gather(*(self._look_at(*part) for part in parts.items())):
            found |= each
        return found

    async def _look_at(self, partition: Partition, entities: Sequence[Ref]) -> Mapping[Ref, PendingWrites | Exception]:
        """Return the pending writes of a partition's entities. If it is away, each of them gets its error."""
        try:
            queue = self._queue[partition.number]
            return await queue.call_async(pending_writes, self._redis, entities, self._partitions)
        except (CallRefused, RedisError, OSError) as error:
            return dict.fromkeys(entities, error)

    async def _operation_at(self, partition: Partition, operation_id: str) -> PendingOperation | None:
        queue = self._queue[partition.number]
        return await queue.call_async(pending_operation, self._redis, operation_id, partition)

    async def operation(self, operation_id: str) -> dict[str, Any] | None:
        """Return `data` of an operation, or None if both stores answered and neither knows it. Raises an AppError if a
        store that might know it does not answer, or OperationPurged if it is older than what the stores keep."""
        redis_failed = False
        try:
            with self._time_of_the_queue(), self._asking:
                pending = await anywhere(self._partitions, self._operation_at, operation_id)
            if pending:
                return describe_pending(operation_id, pending)
        except (CallRefused, RedisError, OSError):
            redis_failed = True
        ended = await self._database.call(reads.ended_operation, operation_id)
        if ended is None:
            # The operation may have a dead letter in the table, of which the queue knows nothing any more.
            if letter := await self._database.call(dead.newest_of_operation, operation_id):
                return describe_letter(letter)
            if redis_failed:
                raise QueueUnavailable("The queue, which may know of this operation, does not answer.")
            made = versions.from_id(operation_id)
            if made is not None and await self._database.call(epochs.lost_at, made):
                return describe_lost(operation_id, made)
            if made is not None and made < await self._database.call(reads.horizon):
                constraint = "must be younger than what is kept"
                details = {"field": "operation_id", "value": operation_id, "constraint": constraint}
                raise OperationPurged(details=details)
            return None
        return describe_ended(ended)
