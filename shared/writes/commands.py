"""Commands: validated requests to change an entity; and the write that a command becomes once accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from holdfast.shared.domain.resource import NAME_MAX_CHARS, ResourceType


@dataclass(frozen=True, slots=True)
class Create:
    """Make an entity, whose id was assigned at acceptance. Optional fields that are not there are null."""

    resource: ResourceType
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replace:
    """Set every field; those that are not there become null."""

    resource: ResourceType
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Update:
    """Set the fields that are there, at least one."""

    resource: ResourceType
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an entity; its id is never used again."""

    resource: ResourceType
    values: Mapping[str, Any] = field(default_factory=dict)


#: Of no resource: what a heartbeat is written to.
HEARTBEATS = ResourceType(name="", singular="heartbeat", plural="heartbeats", summary="", fields=())


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Change nothing, and go all the way: what stops a heartbeat stops a client's write too."""

    resource: ResourceType = HEARTBEATS
    values: Mapping[str, Any] = field(default_factory=dict)


Command = Create | Replace | Update | Delete | Heartbeat

VERBS: tuple[type[Create] | type[Replace] | type[Update] | type[Delete], ...] = (Create, Replace, Update, Delete)

LABEL_MAX_CHARS = max(len(verb.__name__) for verb in VERBS) + NAME_MAX_CHARS


def label(command: Command) -> str:
    """`CreateUser`: how a command is called on the wire, in rows, logs and answers."""
    return f"{type(command).__name__}{command.resource.name}"


#: All heartbeats are writes of this entity, which never exists: ids of entities are UUIDs.
HEARTBEAT_ID = "heartbeat"


def heartbeat_id(unix_s: float) -> str:
    """The operation id of a heartbeat made then. They sort by time, and apart from all others."""
    return f"heartbeat-{unix_s * 1000:013.0f}"


class Ref(NamedTuple):
    """Which entity: the plural name of its resource, and its id."""

    resource: str
    id: str


class Write(NamedTuple):
    """A command once accepted."""

    operation_id: str
    entity_id: str
    command: Command
    version: int
    #: The entity's latest write that was still pending at acceptance. None: nothing was.
    after: str | None = None
    #: Apply only if the entity is at one of these versions; empty: at any.
    if_match: tuple[int, ...] = ()
    #: Apply only if the entity is at none of these versions; `*`: only if there is none.
    if_none_match: tuple[int, ...] | Literal["*"] = ()
    #: SHA-256 of the request, to distinguish a repeated key from a reused one.
    body_hash: str = ""
    #: Of its Idempotency-Key, as the queue knows it.
    key_hash: str = ""
    request_id: str = ""
    traceparent: str = ""
    #: Version (so: time) after which the caller no longer wants it. None: never.
    expires_at: int | None = None
    #: Pub/sub channel of the api process that waits for the outcome, if one does.
    notify: str = ""
    #: The replay that sent it again; empty: none.
    replay: str = ""

    @property
    def ref(self) -> Ref:
        """Which entity it changes."""
        return Ref(self.command.resource.plural, self.entity_id)
