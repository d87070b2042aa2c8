"""Models: what calls return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

__all__ = ["Entity", "Operation", "Page", "User", "Written"]

_OWN = ("id", "version", "created_at", "updated_at")


@dataclass(frozen=True, slots=True)
class Entity:
    """One of a resource, `entity["title"]`, and how well it is known. `version`: for `if_match`. `stale`: it is a copy
    of this age, because the database does not answer. `pending`: a write is still on its way (None: not known)."""

    id: str
    version: int
    created_at: datetime
    updated_at: datetime
    fields: Mapping[str, Any]
    stale: bool = False
    age_s: float | None = None
    pending: bool | None = None

    def __getitem__(self, name: str) -> Any:
        return self.fields[name]

    @classmethod
    def parse(cls, data: Mapping[str, Any], meta: Mapping[str, Any]) -> Self:
        """From `data` and `meta` of an answer. Raises KeyError, TypeError or ValueError for something else."""
        created_at, updated_at = (datetime.fromisoformat(data[name]) for name in ("created_at", "updated_at"))
        fields = {name: value for name, value in data.items() if name not in _OWN}
        stale, age_s, pending = meta.get("stale") is True, meta.get("age_s"), meta.get("pending")
        return cls(data["id"], data["version"], created_at, updated_at, fields, stale, age_s, pending)


class User(Entity):
    """A user."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """As it was given."""
        return str(self.fields["name"])

    @property
    def email(self) -> str:
        """Nobody else has it."""
        return str(self.fields["email"])


E = TypeVar("E", bound=Entity)


@dataclass(frozen=True, slots=True)
class Page(Generic[E]):
    """A page of a list."""

    items: Sequence[E]
    next_cursor: str | None
    stale: bool
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Operation:
    """What became of a write. `error`: `code`, `message` and `details` of one that failed."""

    id: str
    status: str
    done: bool
    error: Mapping[str, Any] | None

    @property
    def took_effect(self) -> bool:
        """It is over and did what it was for, even if newer writes have overtaken it."""
        return self.status in ("applied", "superseded")


@dataclass(frozen=True, slots=True)
class Written:
    """An accepted write: on disk, to take effect exactly once. `status` is `queued` unless it was waited for. Sent
    again with its key it is the same write, and the answer is `repeated`."""

    id: str
    operation_id: str
    status: str
    idempotency_key: str
    repeated: bool
