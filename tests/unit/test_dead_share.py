"""Dead share: stop and shout rather than empty the stream into the dead letters."""

from services.writer.dead_share import DeadShare


def test_a_few_dead_entries_halt_nobody() -> None:
    """Too few to tell: a quarter of the window has to be full first."""
    share = DeadShare(share_max=0.5, over=200)
    share.observe(dead=49, alive=0)
    assert not share.halted
    share.observe(dead=1, alive=0)
    assert share.halted


def test_many_dead_entries_among_more_living_ones_halt_nobody() -> None:
    """Half is still allowed; one more is not."""
    share = DeadShare(share_max=0.5, over=200)
    share.observe(dead=100, alive=100)
    assert not share.halted
    share.observe(dead=1, alive=0)
    assert not share.halted, "it pushed a dead one out of the window"
    share = DeadShare(share_max=0.5, over=200)
    share.observe(dead=0, alive=99)
    share.observe(dead=101, alive=0)
    assert share.halted


def test_only_the_recent_ones_count() -> None:
    """A day of good entries does not excuse an hour of bad ones."""
    share = DeadShare(share_max=0.5, over=20)
    share.observe(dead=0, alive=10_000)
    share.observe(dead=11, alive=0)
    assert share.halted


def test_living_entries_lead_out_of_a_halt() -> None:
    """When the fault has gone, nobody has to restart anything."""
    share = DeadShare(share_max=0.5, over=20)
    share.observe(dead=20, alive=0)
    assert share.halted
    share.observe(dead=0, alive=10)
    assert not share.halted


def test_a_limit_of_one_halts_nobody() -> None:
    """How an operator who knows that all of it is poison lets it go."""
    share = DeadShare(share_max=1, over=20)
    share.observe(dead=1000, alive=0)
    assert not share.halted
