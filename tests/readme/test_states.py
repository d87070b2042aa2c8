"""The state diagrams draw the states and the transitions that the code has."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from holdfast.shared.letters.replays.plan import ItemState, ReplayState
from holdfast.shared.letters.state import State
from holdfast.shared.resilience.breaker import snapshot
from tests import ways
from tests.readme.diagrams import Diagram, declared, diagram, diagrams

DIAGRAMS = list(diagrams())
DRAWN = {
    State: ways.LETTERS,
    ReplayState: ways.REPLAYS,
    ItemState: ways.ITEMS,
}


@pytest.mark.parametrize("drawn", DIAGRAMS, ids=lambda one: f"{one.page.name}:{one.states_are.rpartition('.')[2]}")
def test_a_diagram_draws_the_declared_states(drawn: Diagram) -> None:
    """Each diagram names its enum of states, and draws all of these states and no other."""
    assert drawn.states_are, "a state diagram needs a line `%% states: package.module.Enum`"
    assert drawn.states == declared(drawn.states_are)


def test_every_closed_set_is_drawn() -> None:
    """Operations, breakers, dead letters, replays and their items each have a diagram of their states."""
    enums = {f"{enum.__module__}.{enum.__name__}" for enum in (snapshot.State, *DRAWN)}
    assert enums <= {drawn.states_are for drawn in DIAGRAMS}
    assert any("OpenAPI" in drawn.states_are for drawn in DIAGRAMS)


@pytest.mark.parametrize(("enum", "by_state"), DRAWN.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_what_happens_by_itself_is_drawn(enum: type[Any], by_state: Mapping[Any, ways.Ways]) -> None:
    """Each transition that a state makes without an operator is an arrow of its diagram."""
    drawn = next(one for one in DIAGRAMS if one.states_are == f"{enum.__module__}.{enum.__name__}")
    assert {(state.value, to.value) for state, way in by_state.items() for to in way.by_itself} <= drawn.arrows


def test_a_wrong_diagram_would_be_found() -> None:
    """The checks find a diagram with a state that is not declared."""
    wrong = diagram(
        Path("x.md"),
        f"stateDiagram-v2\n    %% states: {State.__module__}.State\n    [*] --> dead\n    dead --> gone: x\n",
    )
    assert wrong.states == {"dead", "gone"}
    assert wrong.states != declared(wrong.states_are)
