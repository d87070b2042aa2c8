"""View: entities and operations as a caller sees them: the database's row with the writes still on their way on top."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.api.database import Database
from holdfast.services.api.described import describe_ended, describe_letter, describe_lost, describe_pending
from holdfast.services.api.flights import Flights
from holdfast.services.api.hedge import hedged
from holdfast.services.api.shed import spared
from holdfast.shared.cache.copies import Copies, Page
from holdfast.shared.cache.form import EntityCopy, Listed, PageCopy, entity_name, page_name, unique_name
from holdfast.shared.cache.refresh import Refresher
from holdfast.shared.domain.registry import domain
from holdfast.shared.domain.resource import Field, ResourceType
from holdfast.shared.errors import (
    AppError,
    CircuitOpen,
    DatabaseSlow,
    DatabaseUnavailable,
    OperationPurged,
    Overloaded,
    QueueUnavailable,
)
from holdfast.shared.letters.find import whole as dead
from holdfast.shared.queue.pending import PendingWrites, pending_operation, pending_writes
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store import epochs, reads
from holdfast.shared.telemetry.decisions import decided
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes import versions
from holdfast.shared.writes.commands import Ref, Write
from holdfast.shared.writes.merge import Entity, merge

#: The database does not answer, is known not to, or is not asked because too many wait for it.
_REFUSALS = (DatabaseUnavailable, DatabaseSlow, CircuitOpen, Overloaded)
#: The share of a read's time after which a copy is as welcome.
_HEDGE_AT = 0.5


_C = TypeVar("_C", EntityCopy, Page)


class Seen(NamedTuple):
    """What a read found: entities, and how we know."""

    entities: list[Entity]
    #: Part of it is still on its way to the database. None: the queue did not say.
    pending: bool | None = False
    #: The copy it comes from, and why it does not come from the database.
    copy: EntityCopy | Page | None = None
    instead_of: AppError | None = None
    #: Where that copy was: "cache", or "queue" where only the queue knows of the entity.
    source: str = "cache"
    #: Of a page that is not the last: the version after which the next one begins.
    next_after: int | None = None


class View:
    """Reads over all stores: the database, the queue's pending writes on top, and copies when it does not answer."""

    def __init__(
        self,
        redis: Redis,
        queue: Breaker,
        database: Database,
        copies: Copies,
        refresher: Refresher,
        *,
        stale_max_s: float,
        read_timeout_s: float,
        secret: bytes,
    ) -> None:
        """`secret`: of all replicas; it hides what copies of look-ups are named after."""
        self._redis = redis
        self._queue = queue
        self._database = database
        self._copies = copies
        self._refresher = refresher
        self._stale_max_s = stale_max_s
        self._read_timeout_s = read_timeout_s
        self._hedge_s = _HEDGE_AT * read_timeout_s
        self._secret = secret
        self._flights: Flights[Any] = Flights()
        self._looking, self._asking = FailureReporter("pending_writes"), FailureReporter("pending_operation")

    async def entity(self, which: Ref, *, fresh: bool = False) -> Seen:
        """The entity, or none. `fresh`: only with the database. Raises DatabaseUnavailable, CircuitOpen, Overloaded or
        QueueUnavailable when no store knows."""
        # The queue first: a write that settles between the two reads is then seen twice, which changes nothing.
        pending = await self._pending(which)
        copy = refusal = None
        name = entity_name(which)

        async def kept() -> EntityCopy | None:
            return None if fresh else self._young(name, await self._copies.entity(which))

        try:
            row = await hedged(self._row(name, which), self._hedge_s, kept)
        except _REFUSALS as error:
            refusal = error
            copy = error.copy if isinstance(error, DatabaseSlow) else await kept()
            row = copy.entity if copy else None
        source = "cache" if copy else "queue"
        entity = _with_pending(row, pending.writes if pending else [])
        visible = entity is not None and entity.visible
        # An id is never used again: a copy that says deleted is as good as the database.
        if not visible and not (row and row.deleted_version):
            if refusal:
                raise refusal
            if pending is None:
                raise QueueUnavailable("The queue, which may know of it, does not answer.")
        if refusal and entity and not copy:
            # Later writes, a delete too, may have gone past the queue: this is the entity as it was accepted.
            accepted = EntityCopy(entity, entity.created_version / 1_000_000)
            copy, source = None if fresh else self._young(name, accepted), "queue"
            if copy is None:
                raise refusal
        seen = [entity] if entity and visible else []
        return Seen(seen, None if pending is None else pending.any, copy, refusal, source)

    async def page(self, resource: ResourceType, after: int, limit: int, *, fresh: bool) -> Seen:
        """At most `limit` entities created after version `after`. Raises like `entity`."""
        name = page_name(resource, after, limit)
        # One more than is shown tells whether there is a page after this one.
        seen, listed = await self._page(name, resource, fresh, reads.page, after, limit + 1)
        if len(listed) <= limit:
            return seen
        last = listed[limit - 1].created_version
        return seen._replace(
            entities=[entity for entity in seen.entities if entity.created_version <= last], next_after=last
        )

    async def by_unique_value(self, resource: ResourceType, field: Field, key: str, *, fresh: bool) -> Seen:
        """The entity that has this value, or none. Raises like `entity`."""
        claims = field.unique.claims if field.unique else ""
        name = unique_name(claims, key, self._secret)
        seen, _ = await self._page(name, resource, fresh, reads.by_unique_value, field, key)
        # An entity's own copy may be newer: then the value is no longer its own.
        return seen._replace(entities=[entity for entity in seen.entities if (claims, key) in entity.claims])

    async def _page(
        self, name: str, resource: ResourceType, fresh: bool, read: Callable[..., reads.Read], *args: object
    ) -> tuple[Seen, tuple[Listed, ...]]:
        async def kept() -> Page | None:
            return None if fresh else self._young(name, await self._copies.page(name, resource.plural))

        try:
            entities, page = await hedged(self._rows(name, read, resource, *args), self._hedge_s, kept)
        except _REFUSALS as refusal:
            copy = refusal.copy if isinstance(refusal, DatabaseSlow) else await kept()
            if copy is None:
                raise
            return Seen(copy.entities, copy=copy, instead_of=refusal), copy.listed
        return Seen(entities), page.listed

    async def _row(self, name: str, which: Ref) -> Entity | None:
        row, as_of = await self._shared(name, reads.entity, domain().by_plural[which.resource], which.id)
        if row is not None:
            self._refresher.offer([(name, EntityCopy(row, as_of))])
        found: Entity | None = row
        return found

    async def _rows(self, name: str, read: Callable[..., reads.Read], *args: object) -> tuple[list[Entity], PageCopy]:
        (entities, began_us), as_of = await self._shared(name, read, *args)
        page = PageCopy.of(entities, began_us, as_of)
        # The entities first: a page without them is no copy.
        self._refresher.renew([(entity_name(entity.ref), EntityCopy(entity, as_of)) for entity in entities])
        self._refresher.offer([(name, page)])
        return entities, page

    async def _shared(self, name: str, read: Callable[..., Any], *args: object) -> tuple[Any, float]:
        """A read of the database, one at a time of each kind, and when it began (Unix seconds); none where the request
        is to be spared one."""
        if (refusal := spared()) is not None:
            raise refusal

        async def call() -> tuple[Any, float]:
            began = time.time()
            return await self._database.call(read, *args), began

        if not self._database.undisturbed:  # no request waits for another one's probe
            return await call()
        try:
            found: tuple[Any, float] = await self._flights.share(name, call, self._read_timeout_s)
            return found
        except TimeoutError as waited:
            raise DatabaseUnavailable() from waited

    def _young(self, name: str, copy: _C | None) -> _C | None:
        """The copy, if it may still be shown."""
        age_s = max(0.0, time.time() - copy.as_of) if copy else None
        if age_s is not None and age_s <= self._stale_max_s:
            return copy
        too_old_s = None if age_s is None else round(age_s, 1)
        decided(Action.NO_COPY, of=name.partition(":")[0], age_s=too_old_s, age_max_s=self._stale_max_s)
        return None

    async def _pending(self, entity: Ref) -> PendingWrites | None:
        """None: the queue does not answer."""
        try:
            with self._looking:
                return await self._queue.call_async(pending_writes, self._redis, entity)
        except (CallRefused, RedisError, OSError):
            return None

    async def operation(self, operation_id: str) -> dict[str, Any] | None:
        """Raises when a store that might know of it does not answer; None: both answered, and neither knows.
        OperationPurged: it is older than what they keep."""
        redis_failed = False
        try:
            with self._asking:
                pending = await self._queue.call_async(pending_operation, self._redis, operation_id)
            if pending:
                return describe_pending(operation_id, pending)
        except (CallRefused, RedisError, OSError):
            redis_failed = True
        ended = await self._database.call(reads.ended_operation, operation_id)
        if ended is None:
            # A dead letter that is in the table: the queue knows nothing of it any more.
            if letter := await self._database.call(dead.newest_of_operation, operation_id):
                return describe_letter(letter)
            if redis_failed:
                raise QueueUnavailable("The queue, which may know of this operation, does not answer.")
            made = versions.from_id(operation_id)
            if made is not None and await self._database.call(epochs.lost_at, made):
                return describe_lost(operation_id, made)
            if made is not None and made < await self._database.call(reads.horizon):
                raise OperationPurged(details={"field": "operation_id", "value": operation_id,
                                               "constraint": "must be younger than what is kept"})  # fmt: skip
            return None
        return describe_ended(ended)


def _with_pending(row: Entity | None, writes: list[Write]) -> Entity | None:
    entity = row
    for write in writes:
        entity, _ = merge(entity, write, overtaking=True)
    return entity
