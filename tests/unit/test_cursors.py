"""Cursors of lists: each belongs to one list, and every build reads those of the others."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.api.cursors import cursor_of, position_of
from holdfast.shared.errors import InvalidCursor

_VERSION = 1_764_000_000_000_000
_OLDER = base64.urlsafe_b64encode(f"v1:{_VERSION}".encode()).decode().rstrip("=")


def test_a_cursor_is_of_one_list() -> None:
    """A cursor belongs to one list, and another list refuses it, because it would begin somewhere in the middle."""
    cursor = cursor_of("orders", _VERSION)
    assert position_of("orders", cursor) == _VERSION
    with pytest.raises(InvalidCursor):
        position_of("devices", cursor)
    assert len(cursor) <= 64
    assert position_of("orders", None) == 0


def test_older_and_newer_builds_take_each_others_cursors() -> None:
    """Older and newer builds accept each other's cursors, because clients read on in a list while apis are replaced."""
    assert position_of("orders", _OLDER) == _VERSION
    cursor = cursor_of("orders", _VERSION)
    assert base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)) == f"v1:{_VERSION}".encode()


@given(st.text(max_size=64) | st.text("=v1:9aA-_", max_size=64))
def test_anything_else_is_refused_or_a_position(cursor: str) -> None:
    """Any other text is refused as an invalid cursor or is a position, and nothing else happens."""
    with contextlib.suppress(InvalidCursor):
        assert position_of("orders", cursor) >= 0
