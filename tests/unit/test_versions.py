"""Versions: the order of acceptance as a number."""

import time
from datetime import UTC, datetime

import pytest

from holdfast.shared.writes import versions


def test_a_version_is_a_stream_id_in_another_notation() -> None:
    """A version is a stream id in another notation, for the first and for the last microsecond of a millisecond."""
    assert versions.from_stream_id("1764000000123-0") == 1_764_000_000_123_000
    assert versions.from_stream_id("1764000000123-999") == 1_764_000_000_123_999


def test_a_version_tells_when() -> None:
    """A version is a number of microseconds since the epoch."""
    assert versions.to_datetime(1_768_473_000_000_000) == datetime(2026, 1, 15, 10, 30, tzinfo=UTC)


def test_the_clock_is_never_behind_what_it_has_seen() -> None:
    """A version that was observed from the future is followed by a later version."""
    clock = versions.Clock()
    ahead = versions.wall_clock() + 3_600_000_000
    clock.observe(ahead)
    assert clock.next() == ahead + 1
    assert clock.next() == ahead + 2


def test_the_queues_clock_counts_once_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the queue's clock is known versions follow it, however far from it this machine's own clock is or jumps."""
    queue_us, second_us = 1_768_473_000_000_000, 1_000_000
    up_us = 5 * second_us
    clock = versions.Clock()
    monkeypatch.setattr(time, "monotonic_ns", lambda: up_us * 1000)
    clock.follow(queue_us)
    for wall_us in (0, queue_us + 3600 * second_us, queue_us - 3600 * second_us):
        monkeypatch.setattr(time, "time_ns", lambda wall_us=wall_us: wall_us * 1000)
        up_us += second_us
        assert clock.next() == queue_us + up_us - 5 * second_us


def test_of_several_partitions_the_clock_that_is_ahead_counts() -> None:
    """A partition whose server's clock is ahead gives later versions than the others, so versions follow that clock,
    also when only the others are seen since."""
    clock, now_us = versions.Clock(), versions.wall_clock()
    ahead_us = 300_000_000
    clock.follow(now_us + ahead_us, 0)
    clock.follow(now_us, 1)
    assert clock.next() >= now_us + ahead_us
