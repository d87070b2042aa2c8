"""The nemesis: what the history has of a fault."""

import pytest

from tests.promises import doubled, lost
from tests.promises.case import Case
from tests.promises.final import Ended, Entity, Final
from tests.promises.history import Event, History, Invoke, Ok, Unknown
from tests.verify.nemesis import fault_of
from tests.verify.schedule import Planned

_ANN, _CUT_OFF = Entity("users", "ann"), Planned(0, 8, "cut off", "queue")
_SENT = {"method": "POST", "path": "/users", "body": {"email": "ann@example.com"}, "key": "key-1"}


@pytest.mark.parametrize(("fails_over", "found"), [(True, []), (False, ["doubled"])])
def test_a_failover_forgets_a_try_that_was_not_acknowledged(fails_over: bool, found: list[str]) -> None:
    """After a failover, a retry of an unacknowledged attempt may become a second operation: the old primary and a
    writer had the first attempt, and the new primary does not know it."""
    events: list[Event] = [
        Invoke(1, 1, "ann", "api-0", **_SENT),
        Unknown(2, 1, "ACCEPTANCE_UNKNOWN", 504, "post"),
        Invoke(6, 2, "ann", "api-1", **_SENT),
        Ok(7, 2, 202, "post", _ANN.id, 20, "queued"),
        fault_of(_CUT_OFF, 0, 8, fails_over=fails_over),
    ]
    case = Case(History(events), Final(ended=(Ended("post", _ANN, "POST", 10, "applied"),)))
    assert [violation.kind for violation in doubled.check(case)] == found


def test_a_failover_is_no_excuse_for_what_was_acknowledged() -> None:
    """A failover does not excuse the loss of an acknowledged write, because a replica had the write before the
    answer."""
    events: list[Event] = [
        Invoke(1, 1, "ann", "api-0", **_SENT),
        Ok(2, 1, 202, "post", _ANN.id, 10, "queued"),
        fault_of(_CUT_OFF, 0, 8, fails_over=True),
    ]
    assert [violation.kind for violation in lost.check(Case(History(events), Final()))] == ["lost"]
