"""The sequential model: the state that results when writes are applied one by one, in the order of acceptance.

It is written from the promises alone: plain dicts, no versions per field, and no code of the system under test.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

APPLIED = "applied"
#: The ways to refuse a write. The codes of a resource end in these words: `USER_NOT_FOUND`.
EXISTS, NOT_FOUND, TAKEN, PRECONDITION_FAILED = "EXISTS", "NOT_FOUND", "TAKEN", "PRECONDITION_FAILED"


@dataclass(frozen=True)
class Accepted:
    """An accepted write. `method`: POST, PUT, PATCH or DELETE. `values`: the fields that it sets."""

    operation_id: str
    entity_id: str
    method: str
    version: int
    values: Mapping[str, Any] = field(default_factory=dict)
    #: The version that the entity must have; 0 for any.
    if_match: int = 0


@dataclass
class ModelEntity:
    """An entity that has been created, and perhaps deleted since."""

    values: dict[str, Any]
    version: int
    deleted: bool = False


@dataclass
class SequentialModel:
    """The entities of one resource. No two share a value of the field `unique`. Takes accepted writes in order."""

    unique: str = "email"
    entities: dict[str, ModelEntity] = field(default_factory=dict)
    #: Operation id -> "applied", or the way in which it was refused.
    status: dict[str, str] = field(default_factory=dict)

    def take(self, write: Accepted) -> None:
        """Apply or refuse one more write."""
        self.status[write.operation_id] = refusal = self._refusal(write) or APPLIED
        if refusal != APPLIED:
            return
        if write.method == "POST":
            self.entities[write.entity_id] = ModelEntity(dict(write.values), write.version)
            return
        entity = self.entities[write.entity_id]
        entity.version = write.version
        entity.deleted = write.method == "DELETE"
        entity.values |= write.values

    def version_of(self, entity_id: str) -> int:
        """Return the version that a client would send in If-Match."""
        return self.entities[entity_id].version if entity_id in self.entities else 1

    def visible(self) -> dict[str, tuple[dict[str, Any], int]]:
        """Return id -> (values, version) of the entities that exist."""
        return {id: (each.values, each.version) for id, each in self.entities.items() if not each.deleted}

    def _refusal(self, write: Accepted) -> str | None:
        entity = self.entities.get(write.entity_id)
        if write.method == "POST":
            if entity:
                return EXISTS
        elif entity is None or entity.deleted:
            return NOT_FOUND
        if write.if_match and (entity is None or entity.version != write.if_match):
            return PRECONDITION_FAILED
        return TAKEN if self._is_taken(write) else None

    def _is_taken(self, write: Accepted) -> bool:
        wanted = write.values.get(self.unique)
        if wanted is None:
            return False
        return any(
            id != write.entity_id and not each.deleted and _same(each.values.get(self.unique), wanted)
            for id, each in self.entities.items()
        )


def same_end(found: str, expected: str) -> bool:
    """Return whether the end that the system reports (`applied`, `superseded`, `EMAIL_TAKEN`) is that of the model."""
    if expected == APPLIED:
        return found in (APPLIED, "superseded")
    return found == expected or found.endswith(f"_{expected}")


def _same(one: Any, other: Any) -> bool:
    return bool(str(one).lower() == str(other).lower())
