"""Available: what is owed while one dependency is down, and what is not."""

from typing import Any

import pytest

from tests.promises.available import READ, WRITE, asked, check, counted, name_of
from tests.promises.breaks_available import database_alone
from tests.promises.broken import fresh
from tests.promises.history import Alone, Fault


@pytest.mark.parametrize(
    "what",
    [{"usable": 12}, {"usable": 9}, {"usable": 0, "code": "OVERLOADED"}, {"usable": 0, "if_match": 7}],
    ids=["all", "most", "shed", "conditional"],
)
def test_nothing_is_owed_but_most_of_what_can_be_done(what: dict[str, Any]) -> None:
    """What is shed on purpose and what needs both stores is not counted."""
    whole = fresh(1)
    database_alone(whole, **what)
    assert not [*check(whole.case())]


def test_a_process_that_was_broken_too_owes_nothing() -> None:
    """Then the dependency was not down alone."""
    whole = fresh(1)
    database_alone(whole, usable=0)
    whole.append(Fault(0, whole.run.at_s, "freeze", "api-1"))
    assert not [*check(whole.case())]


def test_what_was_answered_meanwhile_is_counted() -> None:
    """And nothing from before."""
    whole = fresh(1)
    database_alone(whole, usable=5)
    [alone] = whole.case().history.of(Alone)
    found = [*counted(whole.case().history, alone)]
    assert found == [name_of("database", WRITE)] * 5
    assert asked(whole.case().history, alone)[READ] == []
