"""No state of a letter, of an item or of a replay is without a way out: the table of ways, and the code against it."""

from enum import StrEnum

import pytest

from holdfast.shared.letters.replays.plan import ACTIVE, END, LETTER_AFTER, WAITING_FOR_A_PERSON, ItemState, ReplayState
from holdfast.shared.letters.replays.steer import ORDERS
from holdfast.shared.letters.state import State
from tests.ways import ITEMS, LETTERS, REPLAYS, Rest, Ways

_TABLES = [(State, LETTERS), (ReplayState, REPLAYS), (ItemState, ITEMS)]


@pytest.mark.parametrize(("states", "table"), _TABLES)
def test_every_state_that_waits_has_two_ways(states: type[StrEnum], table: dict[StrEnum, Ways]) -> None:
    """Every state that waits has a way out by itself and a way out by a person, and a state that is over has none.
    Every state reaches a state at rest by itself."""
    assert set(table) == set(states)
    for state, ways in table.items():
        assert bool(ways.by_itself) == (ways.rest is Rest.WAITS), state
        assert bool(ways.by_operator) == (ways.rest is not Rest.OVER), state
    for state in table:
        reached, seen = {state}, set[StrEnum]()
        while reached - seen:
            seen |= reached
            reached = {after for one in seen for after in table[one].by_itself}
        assert any(table[one].rest is not Rest.WAITS for one in seen), state


def test_the_words_of_operators_are_those_of_the_code() -> None:
    """The orders that the table offers to operators for a replay are exactly those that the code obeys."""
    for state, ways in REPLAYS.items():
        obeyed = {word for word, meant in ORDERS.items() if state in meant.since}
        assert obeyed == {word for word in ways.by_operator if word in ORDERS}, state


def test_replays_that_wait_are_looked_after() -> None:
    """An active replay is driven, a replay that waits for a person lapses, and every end is one that the table
    knows."""
    waiting = {state for state, ways in REPLAYS.items() if ways.rest is Rest.WAITS}
    assert waiting == {*ACTIVE, ReplayState.AWAITING_APPROVAL}
    lapsing = {state for state, ways in REPLAYS.items() if ReplayState.CANCELLING in ways.by_itself}
    assert lapsing == set(WAITING_FOR_A_PERSON)
    for state in ACTIVE:
        assert END.get(state, ReplayState.DONE) in REPLAYS[state].by_itself


def test_items_that_are_over_give_their_letters_a_state_at_rest() -> None:
    """Every item that is over gives its letter a state at rest, so that no outcome leaves a letter replaying."""
    assert {state for state, ways in ITEMS.items() if ways.rest is Rest.OVER} == set(LETTER_AFTER)
    for after in LETTER_AFTER.values():
        assert LETTERS[after].rest is not Rest.WAITS
