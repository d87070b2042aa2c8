"""Whether the queue's memory is unbroken, decided from what was read before and what is read now."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.writes.epoch import Cause, Epoch, Memory, change

_COUNTS = st.integers(0, 50)


@given(_COUNTS, _COUNTS, _COUNTS, _COUNTS, st.sampled_from("ab"))
def test_a_look_that_is_forgotten_is_a_break(
    look: int, entries: int, remembered: int, there: int, identity: str
) -> None:
    """A queue that has forgotten what was observed earlier was emptied if nothing is left, and otherwise went back,
    whatever was written since. Another server that remembers everything is a move."""
    memory = Memory(identity, remembered, there, 0, 0)
    last = Epoch(1, Cause.FIRST, 0, 0, 0, 0, 0, "a", look, entries, entries, 0, 0)
    cause = change(last, memory)
    forgot = remembered < look or there < entries
    assert (cause in (Cause.EMPTIED, Cause.WENT_BACK)) == forgot
    assert (cause is Cause.EMPTIED) == (forgot and remembered == there == 0)
    assert (cause is Cause.MOVED) == (not forgot and identity == "b")
    assert change(last, replace(memory, identity="a", remembered=look, entries=entries)) is None
