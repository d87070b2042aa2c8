"""Dead share: the writer halts and raises an alert rather than move the whole stream to the dead letters; and how it
continues."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.writer.dead_share import DeadShare


def _share(share_max: float = 0.5, over: int = 200, pause_max_s: float = 8) -> DeadShare:
    return DeadShare(share_max, over, pause_max_s)


def _halted(over: int = 20) -> DeadShare:
    share = _share(over=over)
    share.observe(dead=over, alive=0, now=0, why="first")
    assert share.halt is not None
    return share


def test_a_few_dead_entries_halt_nobody() -> None:
    """49 dead entries halt no writer, because at least a quarter of the window of 200 has to be full first; 50 do."""
    share = _share()
    share.observe(dead=49, alive=0, now=0)
    assert share.halt is None
    share.observe(dead=1, alive=0, now=0, why="broken")
    assert share.halt is not None
    assert share.halt.why == "broken"


def test_many_dead_entries_among_more_living_ones_halt_nobody() -> None:
    """Half of the window may be dead, and one more dead entry halts the writer."""
    share = _share()
    share.observe(dead=100, alive=100, now=0)
    assert share.halt is None
    share.observe(dead=1, alive=0, now=0)
    assert share.halt is None, "it pushed a dead one out of the window"
    share = _share()
    share.observe(dead=0, alive=99, now=0)
    share.observe(dead=101, alive=0, now=0)
    assert share.halt is not None


def test_only_the_recent_ones_count() -> None:
    """Only the entries in the window count, so that a day of good entries does not excuse an hour of bad ones."""
    share = _share(over=20)
    share.observe(dead=0, alive=10_000, now=0)
    share.observe(dead=11, alive=0, now=0)
    assert share.halt is not None


def test_a_limit_of_one_halts_nobody() -> None:
    """A maximum share of 1 never halts the writer, so that an operator who knows that all entries are poison can let
    them go."""
    share = _share(share_max=1, over=20)
    share.observe(dead=1000, alive=0, now=0)
    assert share.halt is None


@given(dead=st.integers(0, 3), alive=st.integers(1, 5))
def test_one_living_entry_ends_a_halt(dead: int, alive: int) -> None:
    """One living entry ends a halt, however few of those that are tried live, so that no restart is needed when the
    fault has gone."""
    share = _halted(over=200)
    share.observe(dead=dead, alive=alive, now=1)
    assert share.halt is None


def test_a_batch_that_mostly_dies_ends_no_halt() -> None:
    """A batch of which most entries die ends no halt, because entries in hand when the writer halted are no proof that
    the fault has gone."""
    share = _halted()
    share.observe(dead=12, alive=8, now=1, why="second")
    assert share.halt is not None
    assert share.halt.why == "second"


def test_tries_in_vain_come_ever_later_up_to_the_longest_pause() -> None:
    """The pauses between tries in vain are 1, 2, 4, 8 and 8 s, so that a lasting fault is not tried in a loop, and the
    end of a fault is noticed."""
    share, tried = _halted(), []
    for tenth in range(1, 400):
        if share.try_now(tenth / 10):
            tried.append(tenth / 10)
            share.observe(dead=5, alive=0, now=tenth / 10, why="first")
    assert tried == [1, 3, 7, 15, 23, 31, 39]
    assert share.halt is not None
    assert share.halt.tries == len(tried)


def test_a_halt_right_after_another_goes_on_with_its_pauses() -> None:
    """One living entry among many dead ones does not shorten the pauses of the next halt; a whole window of living
    entries does."""
    share = _halted()
    assert share.try_now(1)
    assert share.try_now(3)
    share.observe(dead=0, alive=1, now=3)
    share.observe(dead=20, alive=0, now=4)
    assert not share.try_now(7.9)
    assert share.try_now(8)
    share.observe(dead=0, alive=1, now=9)
    share.observe(dead=0, alive=40, now=9)
    share.observe(dead=20, alive=0, now=10)
    assert share.try_now(11)


@given(kept=st.integers(0, 500), sizes=st.lists(st.integers(1, 50), min_size=1))
def test_an_operators_word_excuses_what_is_kept_and_a_window(kept: int, sizes: list[int]) -> None:
    """After an operator's order to go on, as many entries as are kept, and a whole window, may die before the share is
    judged anew."""
    share = _halted()
    share.go_on(kept)
    seen = 0
    for size in sizes:
        if seen >= kept + 20:
            break
        share.observe(dead=size, alive=0, now=5)
        seen += size
        assert share.halt is None
    share.observe(dead=1_000, alive=0, now=6)  # uses up the rest of the excuse
    share.observe(dead=20, alive=0, now=7, why="still")
    assert share.halt is not None
