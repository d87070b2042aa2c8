"""Reads: queued writes that are rejected or expire."""

import pytest

from tests.promises import reads
from tests.promises.case import Case
from tests.promises.final import Ended, Entity, Final
from tests.promises.history import Event, Fail, History, Invoke, Ok, Shown

_ANN = Entity("users", "ann")
_TAKEN, _LATER = 10, 20


@pytest.mark.parametrize(
    ("if_match", "shown", "stale"), [(5, _TAKEN, False), (0, _TAKEN, True), (5, 5, True), (5, _LATER, False)]
)
def test_a_condition_that_holds_only_because_a_queued_write_is_rejected(if_match: int, shown: int, stale: bool) -> None:
    """If a condition holds only because a queued write is later rejected, a read may show that queued write, which was
    expected to work, or the later write. A later write without a condition may not be left out."""
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


@pytest.mark.parametrize(
    ("state", "expires_s", "lies"),
    [("queued", 4.0, False), ("queued", 60.0, True), ("queued", None, True), ("applied", 4.0, True)],
)
def test_a_queued_write_that_may_have_expired(state: str, expires_s: float | None, lies: bool) -> None:
    """A read may treat a queued write as expired although a writer that took it in time commits it. A write that was
    answered as applied, or that expires later or never, must be found."""
    made = {"email": "ann@example.com"}
    events: list[Event] = [
        Invoke(1, 1, "ann", "api-1", "POST", "/users", made, "key-1", expires_s=expires_s),
        Ok(2, 1, 202 if state == "queued" else 201, "post", _ANN.id, _TAKEN, state),
        Invoke(5, 2, "ann", "api-1", "GET", f"/users/{_ANN.id}"),
        Fail(6, 2, 404, "USER_NOT_FOUND"),
    ]
    ended = (Ended("post", _ANN, "POST", _TAKEN, "applied"),)
    found = [violation.kind for violation in reads.check(Case(History(events), Final(ended=ended)))]
    assert found == ["answer that lies"] * lies
