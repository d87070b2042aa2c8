"""Selections so large that a look at them takes longer than the data of a page may take."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from holdfast.services.dlq_admin.database import Database
from holdfast.services.dlq_admin.letters.decisions import Discards
from holdfast.services.dlq_admin.letters.edits import Edits
from holdfast.services.dlq_admin.letters.search import Letters
from holdfast.services.dlq_admin.replays.replays import Replays
from holdfast.shared.letters.decide import change
from holdfast.shared.letters.decide.allowance import Rules
from holdfast.shared.letters.find.selection import Filter, Selection
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.replays.plan import Plan
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine
from tests.letters import letter

ALL = Selection(matching=Filter())
RULES = Rules(10, 60)
_UNUSED = cast(Any, None)


class Paged(Database):
    """A database that takes a selection within the time of a page for a fault."""

    async def read(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a short read."""
        assert work not in (change.look, change.newest)
        return await super().read(work, *args, **kwargs)


@pytest.mark.parametrize(
    "ask",
    [
        lambda database: Replays(database, _UNUSED, list, most=9, rules=RULES).preview(ALL, Plan(), "ann"),
        lambda database: Edits(database, most=9, rules=RULES).suggested(ALL),
        lambda database: Letters(database, _UNUSED, _UNUSED, most=9).of(ALL, 1),
        lambda database: Discards(database, _UNUSED, most=9, rules=RULES).preview(ALL, State.DEAD),
    ],
    ids=["replay", "transform", "letters", "discard"],
)
async def test_a_selection_has_the_time_of_its_request(
    engine: Engine, ask: Callable[[Database], Awaitable[object]]
) -> None:
    """A look at a selection has all the time of its request: that it takes long says nothing about the database, whose
    breaker would refuse every page."""
    index.index(engine, [letter(1)])
    database = Paged(engine, threads=1, background=1, audit=1, read_timeout_s=30)
    try:
        assert await ask(database)
    finally:
        database.close()
