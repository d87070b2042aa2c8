"""Request id: the id of a request for its caller and in our logs."""

import re

import uuid_utils

_SANE = re.compile(rb"^[A-Za-z0-9._-]{8,128}$")


def sane(sent: bytes) -> bytes | None:
    """Return the `X-Request-ID` of a caller if it is suitable for logs and headers unchanged, else None."""
    return sent if _SANE.fullmatch(sent) else None


def new() -> bytes:
    """Return a new id that sorts by time."""
    return b"req_" + uuid_utils.uuid7().hex.encode()
