"""Deferred: keeps entries for a later attempt of this writer, each with the time at which it is due.

The entries stay pending in Redis under this writer's name, and the reclaim loop keeps them from looking abandoned. An
entry that is no longer pending there is not tried: another writer may have ended it. The entries of one partition of
the queue do not wait for another partition.
"""

import asyncio
import math
import random
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from holdfast.services.writer.pipeline import Pipeline
from holdfast.shared.queue.codec import raw_text
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.partitions import QUEUE, Partition
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes.commands import Ref, Write

#: Returns those of the ids that are pending under this writer's name.
Ours = Callable[[list[str]], Awaitable[Collection[str]]]

_TICK_S = 0.02
_TURN_MAX_S = 0.5
#: More doublings would not change a pause, and the power of a count that grows for long would become too large.
_DOUBLINGS_MAX = 30


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    due: float
    turns: int = 0
    #: The entity whose earlier writes the entry waits for; None if it waits for a backoff, by itself.
    entity: Ref | None = None
    #: Whether it waits for the end of a halt, or until it is one of the entries that are tried.
    held_back: bool = False
    #: Whether it would be dead, too.
    dying: bool = False


class Deferred:
    """The entries that wait, and since when each write has been known to wait."""

    def __init__(self, patience_s: float, base_s: float, cap_s: float) -> None:
        self._patience_s = patience_s
        self._base_s = base_s
        self._cap_s = cap_s
        #: For each partition, by the id of the entry.
        self._waiting: dict[Partition, dict[str, _Waiting]] = {}
        self._since: dict[str, float] = {}
        self._something = asyncio.Event()

    def patient(self, write: Write) -> bool:
        """Return whether `write` should wait longer for the writes before it."""
        return time.monotonic() - self._since.get(write.operation_id, time.monotonic()) < self._patience_s

    def impatient(self, operation_id: str) -> None:
        """Record that nothing is left that this operation could wait for."""
        self._since[operation_id] = -math.inf

    def for_turn(self, entry: Entry, write: Write, *, known: bool = True) -> None:
        """Keep the entry for another attempt soon, uncharged: an earlier write is on its way. `known`: whether the
        queue confirmed that; while the queue does not answer, no patience is used up."""
        now = time.monotonic()
        self._since[write.operation_id] = self._since.get(write.operation_id, now) if known else now
        before = self._waiting.get(entry.partition, {}).get(entry.id)
        turns = before.turns + 1 if before else 1
        delay = min(_TURN_MAX_S, _TICK_S * 2 ** min(turns, _DOUBLINGS_MAX))
        self._put(entry, random.uniform(0, delay), turns, write.ref)  # noqa: S311 - jitter, not a secret

    def for_backoff(self, entry: Entry, attempt: int) -> None:
        """Keep the entry for another attempt, after the pause that follows failure number `attempt`."""
        self._put(entry, backoff_s(attempt, self._base_s, self._cap_s), 0)

    def hold_back(self, entry: Entry, *, dying: bool) -> None:
        """Keep the entry while the writer is halted, until `try_some` picks it or `release` is called."""
        self._keep(_Waiting(entry, math.inf, held_back=True, dying=dying))

    @property
    def dying(self) -> int:
        """The number of entries kept here that would be dead."""
        return sum(waiting.dying for waiting in self._all())

    def try_some(self, most: int) -> bool:
        """Make up to `most` held-back entries due now, chosen at random, because the first ones may be the bad ones.
        Return whether any were held back."""
        held = [waiting for waiting in self._all() if waiting.held_back]
        for waiting in random.sample(held, min(most, len(held))):
            waiting.due = time.monotonic()
        return bool(held)

    def release(self) -> None:
        """Make all held-back entries due now. Those that die then die together, which is better evidence than one by
        one."""
        for waiting in self._all():
            if waiting.held_back:
                waiting.due = time.monotonic()

    def forget(self, entry: Entry, operation_id: str = "") -> None:
        """Remove a settled entry."""
        self._since.pop(operation_id, None)
        if self._waiting.get(entry.partition, {}).pop(entry.id, None):
            self._count()

    def taken_away(self, entries: Sequence[Entry]) -> None:
        """Remove entries that other writers have taken over or ended."""
        logs.warning(Action.ENTRIES_TAKEN_AWAY, entries=len(entries), first=entries[0].id)
        for entry in entries:
            self.forget(entry, raw_text(entry.fields, b"operation_id"))

    def held(self) -> list[str]:
        """Return the ids of the entries kept here."""
        return [waiting.entry.id for waiting in self._all()]

    async def run(self, pipeline: Pipeline, ours: Ours, partition: Partition = QUEUE) -> None:
        """Hand the due entries of a partition to the pipeline, until cancelled. Each partition needs its own call,
        since its server may be away."""
        mine = self._waiting.setdefault(partition, {})
        while True:
            while not mine:
                self._something.clear()
                await self._something.wait()
            await asyncio.sleep(_TICK_S)
            if due := _due(mine):
                await self._try(pipeline, ours, due)
            iteration_succeeded()

    async def _try(self, pipeline: Pipeline, ours: Ours, due: list[Entry]) -> None:
        still = await ours([entry.id for entry in due])
        if gone := [entry for entry in due if entry.id not in still]:
            self.taken_away(gone)
        if tried := [entry for entry in due if entry.id in still]:
            await pipeline.handle(tried)

    def _all(self) -> Iterator[_Waiting]:
        return chain.from_iterable(each.values() for each in self._waiting.values())

    def _put(self, entry: Entry, delay_s: float, turns: int, entity: Ref | None = None) -> None:
        self._keep(_Waiting(entry, time.monotonic() + delay_s, turns, entity))

    def _keep(self, waiting: _Waiting) -> None:
        self._waiting.setdefault(waiting.entry.partition, {})[waiting.entry.id] = waiting
        self._something.set()
        self._count()

    def _count(self) -> None:
        metrics.deferred_entries.set(sum(map(len, self._waiting.values())))


def _due(waiting: Mapping[str, _Waiting]) -> list[Entry]:
    """Return the entries that are due. If a write is due, so are all writes that wait for the same entity, so that they
    are handled together."""
    now = time.monotonic()
    due = {each.entity for each in waiting.values() if each.due <= now}
    return [
        each.entry for each in waiting.values() if each.due <= now or (each.entity is not None and each.entity in due)
    ]


def backoff_s(attempt: int, base_s: float, cap_s: float) -> float:
    """Return the pause in seconds after failure number `attempt`. Half of it is fixed, so that the attempts spread over
    a time in which a fault may end; half is jitter, so that entries that failed together do not return together."""
    pause_s = min(cap_s, base_s * 2 ** min(attempt - 1, _DOUBLINGS_MAX))
    return random.uniform(pause_s / 2, pause_s)  # noqa: S311 - jitter, not a secret
