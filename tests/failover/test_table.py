"""The table of `make test-failover`: which rows are as the documents say."""

from dataclasses import replace

import pytest

from holdfast.shared.writes.ledger import Ledger
from tests.failover.table import Row

_LEDGER = Ledger(*[0] * 10, epoch=2)
_ROW = Row(acknowledged=9, lost=0, doubled=0, longest_s=(1.0, 1.0, None), ledger=_LEDGER)


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (_ROW, True),
        (replace(_ROW, lost=1), False),
        (replace(_ROW, doubled=1), False),
        (replace(_ROW, lost=1, promised=False, ledger=replace(_LEDGER, lost=1)), True),
        (replace(_ROW, lost=1, promised=False), False),
        (replace(_ROW, ledger=replace(_LEDGER, epoch=0)), False),
    ],
    ids=["kept", "lost", "doubled", "named", "not named", "no auditor looked"],
)
def test_a_row_is_kept_when_nothing_promised_is_lost_and_the_ledger_knows(row: Row, kept: bool) -> None:
    """A row is kept if no promised write is lost or doubled and the ledger names every loss. A ledger in which no
    auditor has begun an epoch would not know of a loss."""
    assert row.kept is kept
