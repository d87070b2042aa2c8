"""Keyed: operation ids that are derived from an Idempotency-Key.

Such an id is a UUID of version 8 in two parts: the first comes from the key, the second from the request. So the same
request with the same key is the same operation. Another request with that key is a separate operation, and the common
first part shows that both have the same key. Random and time-ordered ids have other versions.
"""

_VERSION_AT = 14
_VERSION = "8"
#: 80 of an id's 120 free bits are the key's. Among 10**5 systems with 10**10 keys each, about one has two keys with the
#: same bits.
_KEY_CHARS = 26
_KEY_DIGITS, _REQUEST_DIGITS = 20, 10


def operation_id(key_digest: str, request_digest: str) -> str:
    """Return the operation id for a key and a request. `key_digest`: at least 20 hex digits; `request_digest`: at least
    10."""
    return _uuid8(key_digest[:_KEY_DIGITS] + request_digest[:_REQUEST_DIGITS])


def entity_id(digest: str) -> str:
    """Return the id of the entity that a request with a key creates. `digest`: at least 30 hex digits."""
    return _uuid8(digest[: _KEY_DIGITS + _REQUEST_DIGITS])


def key_part(operation: str) -> str | None:
    """Return the part that all operations of one key have in common, or None if the operation has no key."""
    return operation[:_KEY_CHARS] if operation[_VERSION_AT : _VERSION_AT + 1] == _VERSION else None


def bounds(part: str) -> tuple[str, str]:
    """Return bounds for the ids of a key's operations, in ASCII order."""
    return part, part + "~"


def _uuid8(hex30: str) -> str:
    return f"{hex30[:8]}-{hex30[8:12]}-8{hex30[12:15]}-a{hex30[15:18]}-{hex30[18:]}"
