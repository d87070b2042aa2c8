"""Backpressure begins when the backlog is too long or too old, ends with a margin, and tells clients when to retry."""

from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.resilience.backpressure import Backpressure, Sight


def seen(at: float, depth: int, waiting_s: float = 0.0, drained: int = 0, waiting: int | None = None) -> Sight:
    """Return the state of the stream at a moment. All of it waits, unless `waiting` is given."""
    return Sight(at, depth, depth if waiting is None else waiting, waiting_s, drained)


def test_it_begins_above_the_limit_and_ends_below_seventy_percent() -> None:
    """Backpressure begins above the limit of 100, ends at 70 % of it, and stays as it is in between."""
    pressure = Backpressure(100, 60)
    states = []
    for at, depth in enumerate((100, 101, 99, 71, 70, 80, 100)):
        pressure.observe(seen(at, depth))
        states.append(pressure.active)
    assert states == [False, True, True, True, False, False, False]


def test_a_write_that_has_waited_for_a_writer_counts_as_much_as_many() -> None:
    """A single write that has waited for longer than 60 s starts backpressure, because the next write would wait at
    least as long."""
    pressure = Backpressure(100, 60)
    pressure.observe(seen(0, 1, waiting_s=61))
    assert pressure.active
    pressure.observe(seen(1, 1, waiting_s=1))
    assert not pressure.active


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 5), st.floats(0.1, 5)), min_size=1, max_size=50))
def test_what_writers_keep_delays_nobody(looks: list[tuple[int, int, float]]) -> None:
    """New writes are accepted while none waits for a writer, however long writers keep entries (a locked row, a
    backoff), and whatever leaves the stream meanwhile."""
    pressure = Backpressure(100, 60)
    at, drained = 0.0, 0
    for depth, left, pause_s in looks:
        at, drained = at + 100 * pause_s, drained + left
        pressure.observe(seen(at, depth, drained=drained, waiting=0))
        assert not pressure.active


def test_a_drain_that_is_too_slow_for_what_waits_begins_it() -> None:
    """A drain rate that is too low for the waiting writes starts backpressure: at ten writes a second, a thousand would
    wait for a hundred seconds."""
    pressure = Backpressure(100_000, 60)
    pressure.observe(seen(0, 1000))
    pressure.observe(seen(1, 1000, drained=10))
    assert pressure.active
    pressure.observe(seen(1000, 400, drained=20_000))
    assert not pressure.active


def test_an_outage_is_waited_out() -> None:
    """While no write is drained, only the wait so far counts; after the outage the drain rate is that of the first
    writes that are drained again."""
    pressure = Backpressure(100_000, 3600)
    drained = 0
    for at in range(100):  # healthy: hardly anything waits
        drained += 10
        pressure.observe(seen(at, 1, drained=drained))
    for at in range(100, 1000):
        pressure.observe(seen(at, (at - 99) * 10, waiting_s=at - 99, drained=drained))
        assert not pressure.active
    pressure.observe(seen(1000, 9000, waiting_s=900, drained=drained + 50))
    assert pressure.drain_rate == 50
    assert not pressure.active


def test_when_to_come_back_follows_the_drain() -> None:
    """Clients are asked to retry after the excess divided by the drain rate, within 1 to 30 seconds, and after 30
    seconds while nothing is drained."""
    pressure = Backpressure(100, 60)
    pressure.observe(seen(0, 200))
    assert pressure.retry_after_s() == 30
    pressure.observe(seen(100, 170, drained=1000))  # 10 a second
    assert pressure.retry_after_s() == 10
    pressure.observe(seen(200, 71, drained=1_000_000))
    assert pressure.retry_after_s() == 1


def test_a_stream_that_cannot_be_seen_refuses_nobody() -> None:
    """A stream that cannot be observed causes no backpressure, because a write that the stream cannot take fails on its
    own."""
    pressure = Backpressure(100, 60)
    pressure.observe(seen(0, 200))
    pressure.blind()
    assert not pressure.active
