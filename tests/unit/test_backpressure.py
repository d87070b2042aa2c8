"""Backpressure: begins when the backlog is too long or too old, ends with room to spare, and says when to come back."""

from shared.backpressure import Backpressure, Sight


def seen(at: float, depth: int, age_s: float = 0.0, drained: int = 0) -> Sight:
    """The stream at a moment."""
    return Sight(at, depth, age_s, drained)


def test_it_begins_above_the_limit_and_ends_below_seventy_percent() -> None:
    """In between it stays as it was."""
    pressure = Backpressure(100, 60)
    states = []
    for at, depth in enumerate((100, 101, 99, 71, 70, 80, 100)):
        pressure.observe(seen(at, depth))
        states.append(pressure.active)
    assert states == [False, True, True, True, False, False, False]


def test_an_old_write_counts_as_much_as_many() -> None:
    """A short backlog that does not move is one, too."""
    pressure = Backpressure(100, 60)
    pressure.observe(seen(0, 1, age_s=61))
    assert pressure.active
    pressure.observe(seen(1, 1, age_s=1))
    assert not pressure.active


def test_when_to_come_back_follows_the_drain() -> None:
    """Excess over rate, within 1 to 30 seconds; the longest while nothing moves."""
    pressure = Backpressure(100, 60)
    pressure.observe(seen(0, 200))
    assert pressure.retry_after_s() == 30
    pressure.observe(seen(100, 170, drained=1000))  # 10 a second
    assert pressure.retry_after_s() == 10
    pressure.observe(seen(200, 71, drained=1_000_000))
    assert pressure.retry_after_s() == 1


def test_a_stream_that_cannot_be_seen_refuses_nobody() -> None:
    """Whether it takes more, it says itself."""
    pressure = Backpressure(100, 60)
    pressure.observe(seen(0, 200))
    pressure.blind()
    assert not pressure.active
