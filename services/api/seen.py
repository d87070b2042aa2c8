"""Seen: the result of a read, in the form in which a client is shown it. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from holdfast.services.api.described import describe
from holdfast.shared.cache.copies import Page
from holdfast.shared.cache.form import EntityCopy, Listed
from holdfast.shared.errors import AppError
from holdfast.shared.writes.commands import Delete, Write
from holdfast.shared.writes.merge import Entity, merge


class Seen(NamedTuple):
    """The result of a read: entities, and where they come from."""

    entities: list[Entity]
    #: Whether writes of the entity are still on their way to the database; None if the queue did not answer.
    pending: bool | None = False
    #: The copy that the entities come from, and the error because of which they do not come from the database.
    copy: EntityCopy | Page | None = None
    instead_of: AppError | None = None
    #: Where that copy was: "cache", or "queue" if only the queue knows of the entity.
    source: str = "cache"
    #: The version after which the next page begins; None on the last page.
    next_after: int | None = None
    #: The entities of a page as JSON, made once for all requests that share the read.
    data: orjson.Fragment | None = None


def shown(entities: list[Entity], listed: Sequence[Listed], limit: int) -> Seen:
    """Return a page with the first `limit` of the listed entities."""
    next_after = listed[limit - 1].created_version if len(listed) > limit else None
    if next_after is not None:
        entities = [entity for entity in entities if entity.created_version <= next_after]
    data = orjson.Fragment(orjson.dumps([describe(entity) for entity in entities]))
    return Seen(entities, next_after=next_after, data=data)


def with_pending(row: Entity | None, writes: Sequence[Write], now: int) -> Entity | None:
    """Return the entity after its pending writes, without those that have expired by version `now`."""
    entity = row
    for write in writes:
        if write.expires_at is None or write.expires_at > now:
            entity, _ = merge(entity, write, overtaking=True)
    return entity


def deleted_by(writes: Sequence[Write]) -> bool:
    """Return whether its pending writes delete the entity, whatever its row is and whenever they are applied."""
    return any(
        isinstance(write.command, Delete) and not (write.if_match or write.if_none_match or write.expires_at)
        for write in writes
    )
