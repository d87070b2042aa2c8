"""Resent: the fields of a letter as a replay puts them on the stream. Predictions and
records decode these fields, not the stored ones: an omitted field can make only one of the two undecodable. Pure."""

from collections.abc import Mapping

#: The client that waited is gone; the marks are of an earlier replay.
_LEFT_OUT = {b"notify", b"replay", b"letter"}


def resent(fields: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """`fields` without what is about an earlier sending."""
    return {name: value for name, value in fields.items() if name not in _LEFT_OUT}
