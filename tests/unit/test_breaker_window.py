"""The rate window counts the calls of the last seconds by their ends."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from holdfast.shared.resilience.breaker.window import RateWindow


def test_what_is_older_than_the_window_drops_out() -> None:
    """Calls that are older than the window drop out bucket by bucket, even if the window was not read for a while."""
    window = RateWindow(30, 1, now=0.0)
    window.add(0.5, True, False)
    window.add(1.5, False, True)
    window.turn(29.9)
    assert (window.calls, window.failures, window.slow) == (2, 1, 1)
    window.turn(30.0)
    assert (window.calls, window.failures, window.slow) == (1, 0, 1)
    window.turn(1000.0)
    assert (window.calls, window.failures, window.slow) == (0, 0, 0)
    window.add(1000.5, True, True)
    assert (window.calls, window.failures, window.slow) == (1, 1, 1)


def test_an_end_that_was_seen_late_counts_now() -> None:
    """A call whose end is older than the last counted one still counts, because two threads may read the clock in one
    order and get the lock in the other."""
    window = RateWindow(30, 1, now=0.0)
    window.add(5.0, True, False)
    window.add(4.9, True, False)
    assert window.calls == 2


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.booleans()), max_size=60))
def test_it_counts_as_a_list_of_all_calls_would(calls: list[tuple[int, bool, bool]]) -> None:
    """The window counts the same as a list that keeps every call and drops those of buckets that are too old."""
    window, all_of_them, now = RateWindow(5, 1, now=0.0), deque[tuple[int, bool, bool]](), 0
    for later, failed, slow in calls:
        now += later
        window.add(now, failed, slow)
        all_of_them.append((now, failed, slow))
        recent = [call for call in all_of_them if call[0] > now - 5]
        assert window.calls == len(recent)
        assert window.failures == sum(failed for _, failed, _ in recent)
        assert window.slow == sum(slow for _, _, slow in recent)
