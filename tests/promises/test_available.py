"""Available: what is owed while one dependency is down, and what is not."""

from typing import Any

import pytest

from tests.promises.available import NOTICED_S, READ, WRITE, asked, check, counted, name_of
from tests.promises.breaks_available import database_alone
from tests.promises.broken import fresh
from tests.promises.history import Alone, Fail, Fault, Ok, Shown


@pytest.mark.parametrize(
    "what",
    [{"usable": 12}, {"usable": 9}, {"usable": 0, "code": "OVERLOADED"}, {"usable": 0, "if_match": 7}],
    ids=["all", "most", "shed", "conditional"],
)
def test_nothing_is_owed_but_most_of_what_can_be_done(what: dict[str, Any]) -> None:
    """While one store is down, requests that are shed on purpose or need both stores do not count as unavailable."""
    whole = fresh(1)
    database_alone(whole, **what)
    assert not [*check(whole.case())]


def test_a_process_that_was_broken_too_owes_nothing() -> None:
    """A process that was frozen during the outage owes no answers, because the database was not the only thing down."""
    whole = fresh(1)
    database_alone(whole, usable=0)
    whole.append(Fault(0, whole.run.at_s, "freeze", "api-1"))
    assert not [*check(whole.case())]


def test_what_was_answered_meanwhile_is_counted() -> None:
    """Only the answers given during the outage are counted, and no earlier ones."""
    whole = fresh(1)
    database_alone(whole, usable=5)
    [alone] = whole.case().history.of(Alone)
    found = [*counted(whole.case().history, alone)]
    assert found == [name_of("database", WRITE)] * 5
    assert asked(whole.case().history, alone)[READ] == []


@pytest.mark.parametrize("seen", [True, False], ids=["read", "only queued"])
def test_without_the_database_what_was_read_before_is_owed(seen: bool) -> None:
    """While the database is down, an entity that a read has shown is owed, because it has a cached copy. A change that
    is only queued left no copy, so its entity is not owed."""
    whole, path = fresh(1), "/users/one"
    attempt = whole.run.send(*(("GET", path) if seen else ("PATCH", path)))
    shown, queued = {"shown": (Shown("one", 1),)}, {"operation_id": "one", "version": 1, "state": "queued"}
    whole.append(Ok(whole.run.step(), attempt, 200 if seen else 202, **(shown if seen else queued)))  # type: ignore[arg-type]
    began_s = whole.run.step()
    whole.run.at_s += NOTICED_S
    for _ in range(9):
        attempt = whole.run.send("GET", path)
        whole.append(Fail(whole.run.step(), attempt, 503, "CIRCUIT_BREAKER_OPEN", retryable=True))
    whole.append(Alone(began_s, whole.run.step(), "database"))
    assert [each.kind for each in check(whole.case())] == ["unavailable"] * seen
