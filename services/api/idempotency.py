"""Idempotency: derives ids from an Idempotency-Key and its request.

The ids come from a keyed hash of the caller, the method, the path and the key. So they are the same on every replica
and after every restart, and cannot be derived from the key's text alone.
"""

import hashlib
import hmac
import re
from typing import NamedTuple

import orjson
from starlette.requests import Request

from holdfast.services.api.ids import canonical_path
from holdfast.shared.errors import InvalidIdempotencyKey
from holdfast.shared.http.keys import ANYBODY, Principal
from holdfast.shared.writes import keyed
from holdfast.shared.writes.commands import Command, label

_KEY = re.compile(r'^"?([\x21\x23-\x7e]{1,255})"?$')


class Idempotency(NamedTuple):
    """The ids of a key and its request. The queue remembers the key by `key_hash`; `entity_id` is the id of the entity
    that the request creates, if it creates one."""

    key_hash: str
    body_hash: str
    operation_id: str
    entity_id: str


class KeyIds:
    """Derives ids with a `secret` that all replicas of the api share."""

    def __init__(self, secret: str) -> None:
        self._keyed = hmac.new(secret.encode(), digestmod="sha256")

    def of(self, request: Request, raw: bytes | None, body_hash: str) -> Idempotency | None:
        """Return the ids of a request, or None without a key. `raw`: the header. Raises InvalidIdempotencyKey."""
        if raw is None:
            return None
        match = _KEY.match(raw.decode("latin-1").strip())
        if match is None:
            constraint = "must be 1 to 255 visible ASCII characters"
            raise InvalidIdempotencyKey(details={"field": "Idempotency-Key", "value": None, "constraint": constraint})
        path = canonical_path(request.scope["path"])
        scope = orjson.dumps([_caller(request), request.scope["method"], path, match[1]])
        digest = self._digest(scope)
        return Idempotency(
            key_hash=digest,
            body_hash=body_hash,
            operation_id=keyed.operation_id(digest, self._digest(scope + body_hash.encode())),
            entity_id=keyed.entity_id(digest[34:]),
        )

    def _digest(self, message: bytes) -> str:
        hashed = self._keyed.copy()  # saves hashing the secret again
        hashed.update(message)
        return hashed.hexdigest()


def body_hash(command: Command, conditions: str) -> str:
    """Return the SHA-256, in hex, of a command and its conditions. It does not depend on the order of the fields."""
    canonical = orjson.dumps([label(command), command.values, conditions], option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(canonical).hexdigest()


def _caller(request: Request) -> str | None:
    """Return the name of the caller's API key, or None without one. A key that replaces another has the same name."""
    principal: Principal | None = request.scope.get("principal")
    return principal.name if principal and principal is not ANYBODY else None
