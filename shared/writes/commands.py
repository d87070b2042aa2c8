"""Commands: the validated requests to change an entity, and the write that a command becomes once it is accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from holdfast.shared.domain.resource import NAME_MAX_CHARS, ResourceType


@dataclass(frozen=True, slots=True)
class Create:
    """Create an entity, whose id was assigned at acceptance. Absent optional fields are null."""

    resource: ResourceType
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replace:
    """Set every field; absent fields become null."""

    resource: ResourceType
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """Set the given fields, at least one."""

    resource: ResourceType
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an entity; its id is never used again."""

    resource: ResourceType
    values: Mapping[str, Any] = field(default_factory=dict)


#: The stand-in for a resource that heartbeats are written to.
HEARTBEATS = ResourceType(name="", singular="heartbeat", plural="heartbeats", summary="", fields=())


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Change nothing, but go through every step of a write: whatever stops a client's write stops a heartbeat too."""

    resource: ResourceType = HEARTBEATS
    values: Mapping[str, Any] = field(default_factory=dict)


Command = Create | Replace | Update | Delete | Heartbeat

VERBS: tuple[type[Create] | type[Replace] | type[Update] | type[Delete], ...] = (Create, Replace, Update, Delete)

LABEL_MAX_CHARS = max(len(verb.__name__) for verb in VERBS) + NAME_MAX_CHARS


def label(command: Command) -> str:
    """Return the name of a command on the wire and in rows, logs and answers: `CreateUser`."""
    return f"{type(command).__name__}{command.resource.name}"


#: The id of the entity that all heartbeats are addressed to. It never exists, because ids of entities are UUIDs.
HEARTBEAT_ID = "heartbeat"


def heartbeat_id(unix_s: float) -> str:
    """Return the operation id of a heartbeat made at `unix_s`. Such ids sort by time, and apart from all other ids."""
    return f"heartbeat-{unix_s * 1000:013.0f}"


class Ref(NamedTuple):
    """A reference to an entity: the plural name of its resource, and its id."""

    resource: str
    id: str


#: A unique value: the name of its field's claims, and the value's key.
Claim = tuple[str, str]


class Write(NamedTuple):
    """An accepted command."""

    operation_id: str
    entity_id: str
    command: Command
    version: int
    #: The operation of the entity's latest write that was pending at acceptance, or None.
    after: str | None = None
    #: Apply only if the entity is at one of these versions; empty: at any version.
    if_match: tuple[int, ...] = ()
    #: Apply only if the entity is at none of these versions; `*`: only if the entity does not exist.
    if_none_match: tuple[int, ...] | Literal["*"] = ()
    #: SHA-256 of the request, to distinguish a repeated key from a reused one.
    body_hash: str = ""
    #: The hash of the Idempotency-Key, under which the queue knows the key; empty: no key.
    key_hash: str = ""
    #: Whether the Idempotency-Key may have been used before, for an operation that the queue no longer knew.
    key_unsure: bool = False
    request_id: str = ""
    traceparent: str = ""
    #: The version, and so the time, at which the write expires, because the client no longer wants it; None: never.
    expires_at: int | None = None
    #: Pub/sub channel of the api process that waits for the outcome; empty: none waits.
    notify: str = ""
    #: The replay that sent the write again; empty: none.
    replay: str = ""

    @property
    def ref(self) -> Ref:
        """The entity that the write changes."""
        return Ref(self.command.resource.plural, self.entity_id)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The unique values that the write claims."""
        return self.command.resource.claims(self.command.values)
