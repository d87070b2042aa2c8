"""Deferred: a write may wait its turn for as long as it takes."""

import time

from holdfast.services.writer.deferred import Deferred, backoff_s
from holdfast.shared.queue.entry import Entry
from holdfast.shared.writes.commands import Write
from tests.users import update_user


def test_a_wait_of_any_number_of_turns_has_a_short_pause() -> None:
    """After thousands of turns the next one comes as soon as after ten."""
    deferred = Deferred(patience_s=600, base_s=20, cap_s=60)
    entry, write = Entry("1-0", {}), Write("operation", "user", update_user(name="x"), 1)
    for _ in range(5000):
        deferred.for_turn(entry, write)
    assert deferred.held() == ["1-0"]
    assert deferred._waiting["1-0"].due <= time.monotonic() + 0.5


def test_a_backoff_has_an_end_however_many_attempts_there_were() -> None:
    """At its cap."""
    assert backoff_s(5000, 20, 60) <= 60
