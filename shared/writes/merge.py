"""Merge: what one write does to one entity, whatever order writes arrive in.

Each field keeps the version of the write that set it, and an older write never overwrites a newer field; a delete
leaves a tombstone. So applying the same writes in any order, any number of times, ends in the state that the order of
acceptance gives. An update that arrives before its create leaves a shadow: a row that no read shows until the create
arrives.

This module is pure: rows in, rows and outcomes out. `docs/adr/0003-order-free-convergence.md` gives the reasons.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from holdfast.shared.domain.resource import ResourceType
from holdfast.shared.errors import PreconditionFailed
from holdfast.shared.writes.commands import Create, Delete, Ref, Replace, Write
from holdfast.shared.writes.outcome import Applied, Final, Rejected, Superseded


class Entity(NamedTuple):
    """A row of a resource's table. `values` and `versions`: one per field; `keys`: one per unique field, None if the
    field claims nothing. A version of 0 means never."""

    resource: ResourceType
    id: str
    values: tuple[Any, ...]
    versions: tuple[int, ...]
    keys: tuple[str | None, ...]
    created_version: int = 0
    deleted_version: int = 0

    @classmethod
    def nothing(cls, resource: ResourceType, id: str) -> Self:
        """Return an entity of which nothing is known yet."""
        return cls(resource, id, resource.empty_values, resource.no_versions, resource.no_keys)

    @property
    def ref(self) -> Ref:
        """The reference to the entity."""
        return Ref(self.resource.plural, self.id)

    @property
    def version(self) -> int:
        """The version of the newest write that contributed to this state."""
        return max(*self.versions, self.created_version, self.deleted_version)

    @property
    def visible(self) -> bool:
        """Whether the entity is created and not deleted."""
        return self.created_version > 0 and self.deleted_version == 0

    @property
    def claims(self) -> tuple[tuple[str, str], ...]:
        """The unique values that the entity has: (name of the claims, key) of each."""
        return tuple(
            [(name, key) for name, key in zip(self.resource.claim_names, self.keys, strict=True) if key is not None]
        )

    def as_columns(self) -> dict[str, Any]:
        """Return the row by the names of the table's columns."""
        row: dict[str, Any] = {"id": self.id}
        keys = iter(self.keys)
        for field, value, version in zip(self.resource.fields, self.values, self.versions, strict=True):
            row |= {field.name: value} | ({f"{field.name}_key": next(keys)} if field.unique else {})
            row[f"{field.name}_version"] = version
        return row | {"created_version": self.created_version, "deleted_version": self.deleted_version}

    def shown(self) -> dict[str, Any]:
        """Return the values by field name, as clients see them."""
        return self.resource.shown(self.values)


def row_of(entity: Entity) -> tuple[Any, ...]:
    """Return the row: id, values, versions, keys, and the versions of the entity's creation and deletion."""
    return (
        entity.id,
        *entity.values,
        *entity.versions,
        *entity.keys,
        entity.created_version,
        entity.deleted_version,
    )


@dataclass(frozen=True, slots=True)
class Holder:
    """The hold of other entities than the write's own on one unique value."""

    #: The other entity that has the value now, or None, and the version since which it has the value.
    owner: Ref | None = None
    owner_since: int = 0
    #: The newest version at which another entity released the value.
    released: int = 0


#: No other entity has the value, or ever had it.
FREE = Holder()


def merge(
    row: Entity | None,
    write: Write,
    holders: Sequence[Holder] = (),
    *,
    keys: tuple[str | None, ...] | None = None,
    overtaking: bool = False,
) -> tuple[Entity | None, Final]:
    """Return the entity after `write`, and the outcome of the write.

    `row`: the entity before, or None if nothing is known of it yet. `keys`: the keys of the values that the write sets,
    if the caller has computed them. `holders`: the holders of these keys, one per unique field; empty if all are free.
    `overtaking`: an earlier write of this entity is still pending, so a missing entity may still be created. Must not
    be called with a heartbeat, which changes no entity.
    """
    command = write.command
    keys = command.resource.keys(command.values) if keys is None else keys
    before = row or Entity.nothing(command.resource, write.entity_id)
    refusal = _misplaced(before, write, overtaking=overtaking)
    if refusal is None and holders:
        refusal = _taken(before, write, holders, keys)
    if refusal and isinstance(command, Create) and row and not row.created_version:
        return _deleted(row, write), refusal  # the shadow waited for a create that is now refused
    if refusal:
        return row, refusal

    after = _deleted(before, write) if isinstance(command, Delete) else _changed(before, write, keys)
    unseen = before.deleted_version > 0 and not isinstance(command, Delete)
    return after, Superseded(after.version) if unseen or after == before else Applied(after.version)


def _misplaced(row: Entity, write: Write, *, overtaking: bool) -> Rejected | None:
    """Return a rejection if, at the write's place in the order, the entity's existence or version is not what the write
    needs; else None."""
    resource = write.command.resource
    if isinstance(write.command, Create):
        if row.created_version not in (0, write.version):
            return Rejected(resource.code("EXISTS"), {})
    elif 0 < row.deleted_version < write.version or not (row.created_version or row.version or overtaking):
        return Rejected(resource.code("NOT_FOUND"), {})
    return _unwanted(row, write)


def _unwanted(row: Entity, write: Write) -> Rejected | None:
    """Return a rejection if the entity's version does not meet the write's conditions, else None. If-Match is checked
    first, as RFC 9110 (13.2.2) requires."""
    if not write.if_match and not write.if_none_match:
        return None
    if write.if_match and row.version not in write.if_match:
        return Rejected(PreconditionFailed.code, {"expected": list(write.if_match), "found": row.version})
    if write.if_none_match == "*":
        # Only a create can meet it. If another command finds no entity here, an earlier write is pending, and the
        # client wants that one to come first.
        met = isinstance(write.command, Create) and row.version == 0
        return None if met else Rejected(PreconditionFailed.code, {"unexpected": "*", "found": row.version})
    if row.version in write.if_none_match:
        return Rejected(PreconditionFailed.code, {"unexpected": list(write.if_none_match), "found": row.version})
    return None


def taken(
    row: Entity | None, write: Write, holders: Sequence[Holder], keys: Sequence[str | None]
) -> tuple[str, Holder] | None:
    """Return the error code and the holder of the first unique value that the write cannot have, or None.

    Another entity has the value at the write's place in the order, or has it now and the write would need it now.
    """
    for place, (field, holder) in enumerate(zip(write.command.resource.unique, holders, strict=False)):
        if holder is FREE or field.unique is None or keys[place] is None or (row and keys[place] == row.keys[place]):
            continue
        since = row.versions[field.index] if row else 0
        would_hold_it = write.version > since and (row is None or row.deleted_version == 0)
        owned = holder.owner is not None and (would_hold_it or holder.owner_since < write.version)
        if owned or holder.released > write.version:
            return field.unique.code, holder
    return None


def _taken(row: Entity, write: Write, holders: Sequence[Holder], keys: Sequence[str | None]) -> Rejected | None:
    found = taken(row, write, holders, keys)
    return Rejected(found[0], {}) if found else None


def _changed(row: Entity, write: Write, keys: tuple[str | None, ...]) -> Entity:
    command, version = write.command, write.version
    created = version if isinstance(command, Create) else row.created_version
    if row.deleted_version:
        return row._replace(created_version=created)
    sent, whole, fields = command.values, isinstance(command, (Create, Replace)), row.resource.fields
    if whole and version > max(row.versions):  # the write sets every field, as almost every create does
        values = tuple(map(sent.get, row.resource.names))
        return Entity(row.resource, row.id, values, (version,) * len(fields), keys, created, 0)
    newer = [version > old and (whole or field.name in sent) for field, old in zip(fields, row.versions, strict=True)]
    return Entity(
        row.resource,
        row.id,
        tuple([sent.get(f.name) if new else old for f, old, new in zip(fields, row.values, newer, strict=True)]),
        tuple([version if new else old for old, new in zip(row.versions, newer, strict=True)]),
        tuple(
            [
                key if newer[field.index] else old
                for field, key, old in zip(row.resource.unique, keys, row.keys, strict=True)
            ]
        ),
        created,
        0,
    )


def _deleted(row: Entity, write: Write) -> Entity:
    """Return the tombstone of an entity: its versions stay, its values go. Of two deletes, the earlier one counts."""
    first = min(row.deleted_version or write.version, write.version)
    return row._replace(values=row.resource.empty_values, keys=row.resource.no_keys, deleted_version=first)
