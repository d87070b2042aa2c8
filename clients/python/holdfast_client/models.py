"""Models: the results that calls return."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar

__all__ = ["Entity", "Operation", "Page", "User", "Written"]

_OWN = ("id", "version", "created_at", "updated_at")


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a resource; `entity["title"]` is a field. `version`: for `if_match`. `stale`: the data is a copy of
    age `age_s`, because the database does not answer. `pending`: a write is still queued (None: not known)."""

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
        """Make an entity from an answer. Raises KeyError, TypeError or ValueError if `data` is not an entity."""
        created_at, updated_at = (datetime.fromisoformat(data[name]) for name in ("created_at", "updated_at"))
        fields = {name: value for name, value in data.items() if name not in _OWN}
        stale, age_s, pending = meta.get("stale") is True, meta.get("age_s"), meta.get("pending")
        return cls(data["id"], data["version"], created_at, updated_at, fields, stale, age_s, pending)


class User(Entity):
    """A user."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The name, as the client wrote it."""
        return str(self.fields["name"])

    @property
    def email(self) -> str:
        """The e-mail address, which no other user has."""
        return str(self.fields["email"])


E = TypeVar("E", bound=Entity)


@dataclass(frozen=True, slots=True)
class Page(Generic[E]):
    """A page of a list. `next_cursor`: None on the last page."""

    items: Sequence[E]
    next_cursor: str | None
    stale: bool
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Operation:
    """The state of a write. `error`: `code`, `message` and `details` if the write failed."""

    id: str
    status: str
    done: bool
    error: Mapping[str, Any] | None

    @property
    def took_effect(self) -> bool:
        """Whether the write is over and took effect, even if newer writes have overtaken it."""
        return self.status in ("applied", "superseded")


@dataclass(frozen=True, slots=True)
class Written:
    """An accepted write, which is on disk. `status`: `queued` unless the call waited. `repeated`: its key was known."""

    id: str
    operation_id: str
    status: str
    idempotency_key: str
    repeated: bool
