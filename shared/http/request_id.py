"""Request id: how a caller and our logs name the same request."""

import re

import uuid_utils

_SANE = re.compile(rb"^[A-Za-z0-9._-]{8,128}$")


def sane(sent: bytes) -> bytes | None:
    """What a caller sent as `X-Request-ID`, if it can go into logs and headers as it is."""
    return sent if _SANE.fullmatch(sent) else None


def new() -> bytes:
    """An id that sorts by time."""
    return b"req_" + uuid_utils.uuid7().hex.encode()
