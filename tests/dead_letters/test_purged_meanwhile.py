"""A letter that retention removes while it is read counts as one that does not exist."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from holdfast.shared.letters.audit.entries import Actor
from holdfast.shared.letters.decide import change, outbox
from holdfast.shared.letters.edit import versions as edits
from holdfast.shared.letters.find import whole
from holdfast.shared.letters.find.selection import Selection
from holdfast.shared.letters.index import body
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.retention import letters as retention
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine
from tests.letters import letter

ANN = Actor("ann", "operate", "because", "req_12345678")
MINE = letter(1)


@pytest.mark.parametrize(
    ("look", "nothing"),
    [
        (lambda engine: edits.look(engine, [MINE.number]), {}),
        (lambda engine: whole.whole(engine, MINE.number), None),
        (lambda engine: outbox.pending(engine, 10), []),
    ],
    ids=["edits", "whole", "outbox"],
)
def test_a_letter_that_is_removed_while_it_is_read(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, look: Callable[[Engine], object], nothing: object
) -> None:
    """A letter whose row was read before retention removed it, and its body after that, is left out."""
    index.index(engine, [MINE])
    change.discard(engine, Selection(numbers=(MINE.number,)), ANN, expected=1, most=10)
    load = body.load

    def purged_before(connection: sa.Connection, numbers: Iterable[int]) -> Any:
        with engine.begin() as other:
            other.execute(sa.text("DELETE FROM dead_letter_dues"))  # another replica has delivered it
        assert retention.purge(engine, (State.DISCARDED,), datetime.now(UTC) + timedelta(days=1)) == 1
        return load(connection, numbers)

    monkeypatch.setattr(body, "load", purged_before)
    assert look(engine) == nothing
