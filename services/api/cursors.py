"""Cursors: where a page of a list ends. Opaque to the caller, so that their meaning stays ours to change."""

import base64
import binascii

from holdfast.shared.errors import InvalidCursor
from holdfast.shared.http.cursors import mark as mark_of

#: Ends the position, which always has the same length; an older build reads no further, and takes the cursor too.
_PAD = "=="


def cursor_of(plural: str, version: int) -> str:
    """Behind the entity that was created with this version, in the list of one resource."""
    return base64.urlsafe_b64encode(f"v1:{version:016d}".encode()).decode() + mark_of(plural)


def position_of(plural: str, cursor: str | None) -> int:
    """The version. Raises InvalidCursor for one of another list; those of older builds do not say which they are of."""
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
