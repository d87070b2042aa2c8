"""Entities: makes a script's arguments for a write's entity and for the unique values that the write claims; see
`entities.lua`."""

import re
from collections.abc import Collection

from holdfast.shared.domain.registry import domain
from holdfast.shared.writes.commands import HEARTBEATS, Ref, Write

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def pending_name(entity: Ref) -> str:
    """Return the name of the key of the entity's pending writes, without the prefix of all keys: `user:<id>`. It is
    empty for an id that no api can have given out, for which nothing can be pending."""
    name, id = entity
    if name == HEARTBEATS.plural:
        return f"{HEARTBEATS.singular}:{id}"
    return f"{domain().by_plural[name].singular}:{id}" if _UUID.fullmatch(id) else ""


def listed(claims: Collection[tuple[str, str]]) -> list[str | int]:
    """Return claims in the form that scripts take: how many, then the name of the claims and the key of each."""
    flat: list[str | int] = [len(claims)]
    for claim in claims:
        flat += claim
    return flat


def holder(write: Write) -> str:
    """Return the text that names the holder of the values that a write claims."""
    return f"{write.entity_id} {write.operation_id}"
