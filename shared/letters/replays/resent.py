"""Resent: the fields of a letter as a replay puts them on the stream. Predictions and records decode these fields and
not the stored ones, because an omitted field may be the one that cannot be decoded. Pure."""

from collections.abc import Mapping

#: The fields that a replay leaves out: the client that waited is gone, and the marks belong to an earlier replay.
_LEFT_OUT = {b"notify", b"replay", b"letter"}


def resent(fields: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return `fields` without those that concern the earlier sending."""
    return {name: value for name, value in fields.items() if name not in _LEFT_OUT}
