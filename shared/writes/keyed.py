"""Keyed: operation ids that come from an Idempotency-Key.

Such an id is a UUID of version 8 in two parts: the first is the key's, the second the request's. So the same request
with the same key is the same operation, and another request with that key is an operation of its own which anybody who
looks can tell was made with a key used before. Random or time-ordered ids have other versions.
"""

_VERSION_AT = 14
_VERSION = "8"
#: 80 of an id's 120 free bits are the key's: after 10**10 keys one in 10**5 such systems has two keys that look alike.
_KEY_CHARS = 26
_KEY_DIGITS, _REQUEST_DIGITS = 20, 10


def operation_id(key_digest: str, request_digest: str) -> str:
    """The id that a key (hex, at least 20 digits) and a request (at least 10) lead to."""
    return _uuid8(key_digest[:_KEY_DIGITS] + request_digest[:_REQUEST_DIGITS])


def entity_id(digest: str) -> str:
    """The id of the entity that a key creates, from at least 30 hex digits."""
    return _uuid8(digest[: _KEY_DIGITS + _REQUEST_DIGITS])


def key_part(operation: str) -> str | None:
    """What all operations of one key have in common; None: it was made without a key."""
    return operation[:_KEY_CHARS] if operation[_VERSION_AT : _VERSION_AT + 1] == _VERSION else None


def bounds(part: str) -> tuple[str, str]:
    """The lowest and the highest id of a key's operations, in the order of ASCII."""
    return part, part + "~"


def _uuid8(hex30: str) -> str:
    return f"{hex30[:8]}-{hex30[8:12]}-8{hex30[12:15]}-a{hex30[15:18]}-{hex30[18:]}"
