"""Entities: what a script is given of a write's entity and of the unique values that it claims; see `entities.lua`."""

import re
from collections.abc import Collection

from holdfast.shared.domain.registry import domain
from holdfast.shared.writes.commands import HEARTBEATS, Ref, Write

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def pending_name(entity: Ref) -> str:
    """Under which the entity's pending writes are kept, behind the prefix of all keys: `user:<id>`. Empty for an id
    that no api has given out, of which nothing can be pending."""
    name, id = entity
    if name == HEARTBEATS.plural:
        return f"{HEARTBEATS.singular}:{id}"
    return f"{domain().by_plural[name].singular}:{id}" if _UUID.fullmatch(id) else ""


def claims_of(write: Write | None) -> list[str | int]:
    """The unique values that a write claims, as scripts take them."""
    return listed(write.command.resource.claims(write.command.values)) if write else [0]


def listed(claims: Collection[tuple[str, str]]) -> list[str | int]:
    """As scripts take them: how many, then of each the name of the claims and the key."""
    flat: list[str | int] = [len(claims)]
    for claim in claims:
        flat += claim
    return flat


def holder(write: Write) -> str:
    """Who holds what a write claims."""
    return f"{write.entity_id} {write.operation_id}"
