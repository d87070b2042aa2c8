"""Resent: the fields of a letter as a replay puts them on the stream. Whoever predicts or records what is sent decodes
these and not the stored ones: a field that is left out can make the one undecodable and not the other. Pure."""

from collections.abc import Mapping

#: Whoever waited for the answer has left; the marks are of a replay before.
_LEFT_OUT = {b"notify", b"replay", b"letter"}


def resent(fields: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """`fields` without what is about an earlier sending."""
    return {name: value for name, value in fields.items() if name not in _LEFT_OUT}
