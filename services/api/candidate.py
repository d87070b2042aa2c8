"""Candidate: a command that asks to be accepted, and the entry that it would become."""

from dataclasses import dataclass, replace
from functools import cached_property

from holdfast.shared.queue.build import build
from holdfast.shared.queue.codec import SCHEMA, encode_payload
from holdfast.shared.queue.entities import listed
from holdfast.shared.queue.partitions import Partition
from holdfast.shared.writes.commands import Command, label


@dataclass(frozen=True)
class Candidate:
    """A command with everything that acceptance needs."""

    operation_id: str
    entity_id: str
    command: Command
    key_hash: str = ""
    body_hash: str = ""
    busy_ms: str = ""
    if_match: str = ""
    request_id: str = ""
    traceparent: str = ""
    notify: str = ""
    #: In microseconds since the epoch, by the api's clock.
    expires_at: str = ""
    if_none_match: str = ""
    #: Its unique values are claimed already (claims.py).
    claimed: bool = False

    @cached_property
    def label(self) -> str:
        """Of the command."""
        return label(self.command)

    @cached_property
    def payload(self) -> bytes:
        """Of the command, as JSON text."""
        return encode_payload(self.command)

    @cached_property
    def _pending(self) -> str:
        return f"{self.command.resource.singular}:{self.entity_id}"  # of an id that an api has checked

    @cached_property
    def _claims(self) -> list[str | int]:
        return [0] if self.claimed else listed(self.command.resource.claims(self.command.values))

    def with_claims_made(self) -> "Candidate":
        """The same, for a script that makes no claims."""
        return replace(self, claimed=True)

    def keys(self, partition: Partition) -> list[str]:
        """All that `accept.lua` may touch on its behalf."""
        keys = partition.kept(self.operation_id, self._pending, self._claims)
        if self.key_hash:
            keys += partition.of_key(self.key_hash)
        return keys

    def arguments(self) -> list[str | bytes | int]:
        """For `accept.lua`, in its order."""
        return [
            self.operation_id,
            self.command.resource.plural,
            self.entity_id,
            self._pending,
            self.label,
            self.payload,
            self.key_hash,
            self.body_hash,
            self.busy_ms,
            self.if_match,
            self.request_id,
            self.traceparent,
            self.notify,
            self.expires_at,
            self.if_none_match,
            build(),
            *self._claims,
        ]

    def fields(self) -> dict[bytes, bytes]:
        """Of its entry, as `accept.lua` makes them; a version stands in for what only the queue knows."""
        required = {
            b"schema": SCHEMA,
            b"resource": self.command.resource.plural.encode(),
            b"command": self.label.encode(),
            b"operation_id": self.operation_id.encode(),
            b"entity_id": self.entity_id.encode(),
            b"version": b"1",
            b"payload": self.payload,
        }
        optional = {
            b"if_match": self.if_match,
            b"if_none_match": self.if_none_match,
            b"body_hash": self.body_hash,
            b"key_hash": self.key_hash,
            b"request_id": self.request_id,
            b"traceparent": self.traceparent,
            b"notify": self.notify,
            b"expires_at": self.expires_at,
        }
        return required | {name: value.encode() for name, value in optional.items() if value}
