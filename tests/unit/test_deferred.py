"""Deferred: a write may wait for its turn as long as necessary."""

import asyncio
import time
from typing import Any

from holdfast.services.writer.deferred import Deferred, backoff_s
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.writes.commands import Write
from tests.users import update_user


def test_a_wait_of_any_number_of_turns_has_a_short_pause() -> None:
    """After thousands of turns of waiting, the next one comes as soon as after ten, within 0.5 s."""
    deferred = Deferred(patience_s=600, base_s=20, cap_s=60)
    entry, write = Entry("1-0", {}), Write("operation", "user", update_user(name="x"), 1)
    for _ in range(5000):
        deferred.for_turn(entry, write)
    assert deferred.held() == ["1-0"]
    [waiting] = deferred._all()
    assert waiting.due <= time.monotonic() + 0.5


class _OneIsAway:
    """A pipeline that settles no entry of one partition, and every entry of the others."""

    def __init__(self, away: int) -> None:
        self._away = away
        self.settled: asyncio.Queue[str] = asyncio.Queue()

    async def handle(self, entries: list[Entry]) -> None:
        """Return when all entries are settled."""
        if any(entry.partition.number == self._away for entry in entries):
            await asyncio.Event().wait()
        for entry in entries:
            self.settled.put_nowait(entry.id)


async def _all_of(ids: list[str]) -> list[str]:
    return ids


async def test_what_another_writer_took_over_is_not_tried() -> None:
    """An entry that another writer took over is neither tried nor kept, because it may be a dead letter by now; the
    rest is tried."""
    deferred = Deferred(patience_s=600, base_s=0, cap_s=0)
    pipeline: Any = _OneIsAway(99)
    for id in ("1-0", "2-0"):
        deferred.for_backoff(Entry(id, {}), 1)

    async def the_second(ids: list[str]) -> set[str]:
        return {"2-0"}

    loop = asyncio.create_task(deferred.run(pipeline, the_second))
    assert await asyncio.wait_for(pipeline.settled.get(), 60) == "2-0"
    assert deferred.held() == ["2-0"]
    loop.cancel()


async def test_a_partition_that_is_away_keeps_no_other_ones_writes_from_their_turn() -> None:
    """The writes of one partition are tried again while the batch of another partition does not come back, however long
    that takes."""
    two, deferred = Partitions(2), Deferred(patience_s=600, base_s=0, cap_s=0)
    pipeline: Any = _OneIsAway(0)
    for partition in two:
        deferred.for_backoff(Entry(f"{partition.number + 1}-0", {}, partition), 1)
    loops = [asyncio.create_task(deferred.run(pipeline, _all_of, partition)) for partition in two]
    assert await asyncio.wait_for(pipeline.settled.get(), 60) == "2-0"
    late = Entry("3-0", {}, two[1])
    deferred.forget(Entry("2-0", {}, two[1]))
    deferred.for_backoff(late, 1)
    assert await asyncio.wait_for(pipeline.settled.get(), 60) == "3-0"
    for loop in loops:
        loop.cancel()


def test_an_id_may_be_on_two_streams() -> None:
    """When two streams have an entry with the same id, put there by hand, and one is settled, the other still waits."""
    two, deferred = Partitions(2), Deferred(patience_s=600, base_s=20, cap_s=60)
    for partition in two:
        deferred.for_backoff(Entry("1-0", {}, partition), 1)
    deferred.forget(Entry("1-0", {}, two[0]))
    assert deferred.held() == ["1-0"]


def test_a_wait_for_what_nobody_knows_uses_up_no_patience() -> None:
    """A wait for an earlier write uses up patience, but not while the partition of the earlier write does not
    answer."""
    deferred = Deferred(patience_s=-1, base_s=20, cap_s=60)
    entry, write = Entry("1-0", {}), Write("operation", "user", update_user(name="x"), 1)
    deferred.for_turn(entry, write)
    assert not deferred.patient(write)
    deferred = Deferred(patience_s=600, base_s=20, cap_s=60)
    deferred.impatient("operation")
    deferred.for_turn(entry, write, known=False)
    assert deferred.patient(write)


def test_a_backoff_has_an_end_however_many_attempts_there_were() -> None:
    """A backoff never exceeds its cap, however many attempts there were."""
    assert backoff_s(5000, 20, 60) <= 60
