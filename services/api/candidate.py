"""Candidate: a command that is to be accepted, and the stream entry that it would become."""

from dataclasses import dataclass, field, replace

from holdfast.shared.queue.build import build
from holdfast.shared.queue.codec import SCHEMA, encode_payload
from holdfast.shared.queue.entities import listed
from holdfast.shared.queue.partitions import Partition
from holdfast.shared.writes.commands import Command, label


@dataclass(slots=True, eq=False)  # not frozen: setting each of its many fields would take three times as long
class Candidate:
    """A command with everything that acceptance needs. It must not be changed."""

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
    #: Microseconds since the Unix epoch, by the api's clock; empty: the write does not expire.
    expires_at: str = ""
    if_none_match: str = ""
    #: Whether its unique values are claimed already (claims.py).
    claimed: bool = False
    #: The label of the command, and its payload as JSON text.
    label: str = field(init=False)
    payload: bytes = field(init=False)
    _pending: str = field(init=False)
    _claims: list[str | int] = field(init=False)

    def __post_init__(self) -> None:
        command = self.command
        self.label, self.payload = label(command), encode_payload(command)
        self._pending = f"{command.resource.singular}:{self.entity_id}"  # the api has checked the id
        self._claims = [0] if self.claimed else listed(command.resource.claims(command.values))

    def with_claims_made(self) -> "Candidate":
        """Return a copy whose claims are made already, so that the script makes none."""
        return replace(self, claimed=True)

    def keys(self, partition: Partition) -> list[str]:
        """Return all keys that `accept.lua` may touch on behalf of this candidate."""
        keys = partition.kept(self.operation_id, self._pending, self._claims)
        if self.key_hash:
            keys += partition.of_key(self.key_hash)
        return keys

    def arguments(self) -> list[str | bytes | int]:
        """Return the arguments of `accept.lua`, in its order."""
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
        """Return the fields of the entry that `accept.lua` would add, with 1 for the version, which the queue gives."""
        fields = {
            b"schema": SCHEMA,
            b"resource": self.command.resource.plural.encode(),
            b"command": self.label.encode(),
            b"operation_id": self.operation_id.encode(),
            b"entity_id": self.entity_id.encode(),
            b"version": b"1",
            b"payload": self.payload,
        }
        for name, value in (
            (b"if_match", self.if_match),
            (b"if_none_match", self.if_none_match),
            (b"body_hash", self.body_hash),
            (b"key_hash", self.key_hash),
            (b"request_id", self.request_id),
            (b"traceparent", self.traceparent),
            (b"notify", self.notify),
            (b"expires_at", self.expires_at),
        ):
            if value:
                fields[name] = value.encode()
        return fields
