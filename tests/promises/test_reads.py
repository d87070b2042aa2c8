"""Reads: what a queued write shows that is rejected later."""

import pytest

from tests.promises import reads
from tests.promises.case import Case
from tests.promises.final import Ended, Entity, Final
from tests.promises.history import Event, History, Invoke, Ok, Shown

_ANN = Entity("users", "ann")
_TAKEN, _LATER = 10, 20


@pytest.mark.parametrize(
    ("if_match", "shown", "stale"), [(5, _TAKEN, False), (0, _TAKEN, True), (5, 5, True), (5, _LATER, False)]
)
def test_a_condition_that_holds_only_because_a_queued_write_is_rejected(if_match: int, shown: int, stale: bool) -> None:
    """Nobody could know. What is shown is the queued write that was expected to work, or the later one; a later write
    without a condition is never left out."""
    path = f"/users/{_ANN.id}"
    events: list[Event] = [
        Invoke(1, 1, "ann", "api-1", "PUT", path, {"email": "taken@example.com"}, "key-1"),
        Ok(2, 1, 202, "put", _ANN.id, _TAKEN, "queued"),
        Invoke(3, 2, "ann", "api-1", "PATCH", path, {"name": "later"}, "key-2", if_match=if_match),
        Ok(4, 2, 202, "patch", _ANN.id, _LATER, "queued"),
        Invoke(5, 3, "ann", "api-1", "GET", path),
        Ok(6, 3, 200, shown=(Shown(_ANN.id, shown, {}),), pending=True),
    ]
    ended = (
        Ended("put", _ANN, "PUT", _TAKEN, "rejected", "EMAIL_TAKEN"),
        Ended("patch", _ANN, "PATCH", _LATER, "applied"),
    )
    found = [violation.kind for violation in reads.check(Case(History(events), Final(ended=ended)))]
    assert found == ["stale"] * stale
