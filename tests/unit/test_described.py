"""Operations as answers describe them, wherever they are stored."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.services.api.described import describe_letter, describe_pending
from holdfast.shared.letters.find.search import Row
from holdfast.shared.letters.ids import number_of
from holdfast.shared.letters.state import State
from holdfast.shared.queue.pending import PendingOperation

_LETTER = "1764000000123-4"
_VERSION = 1_764_000_000_000_000


def _pending(reason: str | None, letter: str) -> dict[str, Any]:
    return describe_pending("one", PendingOperation("users", "u", "CreateUser", _VERSION, reason, letter, 0, ""))


def test_a_dead_lettered_operation_ended_when_it_was_dead_lettered() -> None:
    """A dead-lettered operation has the same end before its letter is indexed and after, and waits no longer; a queued
    operation has no end."""
    about = dict.fromkeys([each.name for each in fields(Row)], None)
    row: Any = Row(**about | {"id": number_of(_LETTER), "state": State.DEAD, "version": _VERSION, "command": "X"})  # type: ignore[arg-type]
    letter = describe_letter(row)
    end = letter["ended_at"]
    assert (letter["done"], letter["waiting_s"]) == (True, 0.0)
    dead, queued = _pending("invalid_data", _LETTER), _pending(None, "")
    assert (dead["done"], dead["waiting_s"]) == (True, 0.0)
    assert queued["waiting_s"] > 0
    assert datetime.fromisoformat(end) == datetime.fromtimestamp(1_764_000_000.123, UTC)
    assert dead["ended_at"] == end
    assert queued["ended_at"] is None


@pytest.mark.parametrize("letter", ["", "soon", "99999999999999-1"])
def test_an_end_that_nobody_knows_is_null(letter: str) -> None:
    """The end of a dead-lettered operation is null if its letter's id is unknown, as in an entry that another build
    wrote."""
    assert _pending("invalid_data", letter)["ended_at"] is None
