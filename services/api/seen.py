"""Seen: what a read found, as a caller is shown it. Pure."""

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
    #: The entities of a page as JSON, made once for all who share the read.
    data: orjson.Fragment | None = None


def shown(entities: list[Entity], listed: Sequence[Listed], limit: int) -> Seen:
    """The first `limit` of what is listed."""
    next_after = listed[limit - 1].created_version if len(listed) > limit else None
    if next_after is not None:
        entities = [entity for entity in entities if entity.created_version <= next_after]
    data = orjson.Fragment(orjson.dumps([describe(entity) for entity in entities]))
    return Seen(entities, next_after=next_after, data=data)


def with_pending(row: Entity | None, writes: Sequence[Write], now: int) -> Entity | None:
    """The entity after its writes on their way, those left out that have expired by version `now`."""
    entity = row
    for write in writes:
        if write.expires_at is None or write.expires_at > now:
            entity, _ = merge(entity, write, overtaking=True)
    return entity


def deleted_by(writes: Sequence[Write]) -> bool:
    """Whether the entity is gone after its writes on their way, whatever its row is and whenever they are applied."""
    return any(
        isinstance(write.command, Delete) and not (write.if_match or write.if_none_match or write.expires_at)
        for write in writes
    )
