"""Cursors: encodes where a page of a list ends. A cursor is opaque to the client, so its meaning may change."""

import base64
import binascii

from holdfast.shared.errors import InvalidCursor
from holdfast.shared.http.cursors import mark as mark_of

#: Ends the position, which has a fixed length. An older build reads no further, so it accepts the cursor, too.
_PAD = "=="


def cursor_of(plural: str, version: int) -> str:
    """Return the cursor behind the entity that was created with this version, in the list of one resource."""
    return base64.urlsafe_b64encode(f"v1:{version:016d}".encode()).decode() + mark_of(plural)


def position_of(plural: str, cursor: str | None) -> int:
    """Return the cursor's version, or 0 without a cursor. Cursors of older builds do not name their list. Raises
    InvalidCursor if the cursor is malformed or names another list."""
    if not cursor:
        return 0
    position, _, mark = cursor.partition(_PAD)
    try:
        text = base64.urlsafe_b64decode(position + "=" * (-len(position) % 4)).decode("ascii")
        kind, _, version = text.partition(":")
        if kind == "v1" and version.isdigit() and len(version) <= 16 and mark in ("", mark_of(plural)):
            return int(version)
    except (binascii.Error, UnicodeError, ValueError):
        pass
    raise InvalidCursor(cursor)
