"""A halted writer dead-letters nothing that died of the fault for which it is halted, even after the halt."""

import asyncio
import time

from holdfast.services.writer.dead_share import DeadShare
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.halting import Halting
from holdfast.services.writer.pipeline import Pipeline
from holdfast.shared.queue.entry import Entry
from holdfast.shared.writes.outcome import Dead, Failure, Reason

_OUTCOME = Dead(Reason.INVALID_DATA, Failure("BadData", "BAD_DATA", "too long"))
_ENTRIES = [Entry(f"{number}-0", {}) for number in range(15)]


async def test_what_died_of_the_fault_is_tried_again_after_it() -> None:
    """Five entries are tried while the writer is halted. Before they have died, five others live, which ends the halt.
    The first five are tried again, and their deaths do not begin another halt."""
    deferred = Deferred(1, base_s=1, cap_s=1)
    halting = Halting(DeadShare(0.5, 40, pause_max_s=1), deferred, lambda: False)
    dying = [(entry, _OUTCOME) for entry in _ENTRIES]
    assert halting.keeps(dying[5:], 0, time.monotonic())
    assert halting.halted

    tried_s = time.monotonic()
    assert halting.keeps([], 5, time.monotonic())
    assert not halting.halted
    assert halting.keeps(dying[:5], 0, tried_s)
    assert not halting.halted

    tried = asyncio.Queue[Entry]()

    async def vet(entries: list[Entry]) -> list[Entry]:
        for entry in entries:
            deferred.forget(entry)
            tried.put_nowait(entry)
        return []

    async def ours(ids: list[str]) -> list[str]:
        return ids

    async def nothing(_: object) -> list[object]:
        return []

    pipeline = Pipeline(vet, nothing, nothing, nothing, 100)  # type: ignore[arg-type]
    running = asyncio.create_task(deferred.run(pipeline, ours))
    assert {(await tried.get()).id for _ in _ENTRIES} == {entry.id for entry in _ENTRIES}
    running.cancel()


def test_what_dies_later_is_dead() -> None:
    """An entry that dies of an attempt after the halt is a dead letter."""
    deferred = Deferred(1, base_s=1, cap_s=1)
    halting = Halting(DeadShare(0.5, 40, pause_max_s=1), deferred, lambda: False)
    halting.keeps([(entry, _OUTCOME) for entry in _ENTRIES], 0, time.monotonic())
    halting.keeps([], 5, time.monotonic())
    assert not halting.keeps([(_ENTRIES[0], _OUTCOME)], 0, time.monotonic())
