"""The ledger's equation."""

from dataclasses import replace

from holdfast.shared.writes.ledger import Ledger, table

_BALANCED = Ledger(
    entries=110,
    replayed=3,
    duplicates=2,
    direct=5,
    imported=2,
    applied=90,
    rejected=6,
    dead_lettered=5,
    discarded=2,
    in_flight=9,
)


def test_it_balances() -> None:
    """What was accepted is somewhere."""
    assert _BALANCED.accepted == 112
    assert _BALANCED.missing == 0
    assert "balanced" in table(_BALANCED)


def test_one_write_less_is_seen() -> None:
    """A write that vanished is missing, and the table says so."""
    lost = replace(_BALANCED, applied=89)
    assert lost.missing == 1
    assert "OUT OF BALANCE" in table(lost)
