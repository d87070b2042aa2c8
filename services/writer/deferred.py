"""Deferred: entries that this writer keeps for a later try, each with the moment it is due.

They stay pending in Redis under this writer's name; the reclaim loop tells Redis that they are not forgotten. One that
is pending there no longer is not tried: another writer may have ended it. Those of one partition of the queue wait for
no other's.
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

#: Which of these ids are pending under this writer's name.
Ours = Callable[[list[str]], Awaitable[Collection[str]]]

_TICK_S = 0.02
_TURN_MAX_S = 0.5
#: More would not change a pause, and a count that grows for long would be too large a number in the end.
_DOUBLINGS_MAX = 30


@dataclass(slots=True)
class _Waiting:
    entry: Entry
    due: float
    turns: int = 0
    #: The entity whose writes it waits behind; None: it waits out a backoff, alone.
    entity: Ref | None = None
    #: It waits for the end of a halt, or until it is one of those that are tried.
    held_back: bool = False
    #: And it would be dead.
    dying: bool = False


class Deferred:
    """What waits, and since when each write has been known to wait."""

    def __init__(self, patience_s: float, base_s: float, cap_s: float) -> None:
        self._patience_s = patience_s
        self._base_s = base_s
        self._cap_s = cap_s
        #: By the id of the entry, of each partition.
        self._waiting: dict[Partition, dict[str, _Waiting]] = {}
        self._since: dict[str, float] = {}
        self._something = asyncio.Event()

    def patient(self, write: Write) -> bool:
        """Whether `write` should wait longer for the ones before it."""
        return time.monotonic() - self._since.get(write.operation_id, time.monotonic()) < self._patience_s

    def impatient(self, operation_id: str) -> None:
        """Nothing is left that this operation could wait for."""
        self._since[operation_id] = -math.inf

    def for_turn(self, entry: Entry, write: Write, *, known: bool = True) -> None:
        """Try again soon: an earlier write is on its way. Nobody is charged. `known`: whether the queue said so; while
        it does not answer, no patience is used up."""
        now = time.monotonic()
        self._since[write.operation_id] = self._since.get(write.operation_id, now) if known else now
        before = self._waiting.get(entry.partition, {}).get(entry.id)
        turns = before.turns + 1 if before else 1
        delay = min(_TURN_MAX_S, _TICK_S * 2 ** min(turns, _DOUBLINGS_MAX))
        self._put(entry, random.uniform(0, delay), turns, write.ref)  # noqa: S311 - jitter, not a secret

    def for_backoff(self, entry: Entry, attempt: int) -> None:
        """Try again after failure number `attempt`."""
        self._put(entry, backoff_s(attempt, self._base_s, self._cap_s), 0)

    def hold_back(self, entry: Entry, *, dying: bool) -> None:
        """Keep it while the writer is halted: until `try_some` picks it, or `release`."""
        self._keep(_Waiting(entry, math.inf, held_back=True, dying=dying))

    @property
    def dying(self) -> int:
        """Entries kept here that would be dead."""
        return sum(waiting.dying for waiting in self._all())

    def try_some(self, most: int) -> bool:
        """Some of those held back are due now, whichever: what is first may be what is bad. Whether there were any."""
        held = [waiting for waiting in self._all() if waiting.held_back]
        for waiting in random.sample(held, min(most, len(held))):
            waiting.due = time.monotonic()
        return bool(held)

    def release(self) -> None:
        """All that is held back is due now. What would die will die together, which says more than one by one."""
        for waiting in self._all():
            if waiting.held_back:
                waiting.due = time.monotonic()

    def forget(self, entry: Entry, operation_id: str = "") -> None:
        """It is settled."""
        self._since.pop(operation_id, None)
        if self._waiting.get(entry.partition, {}).pop(entry.id, None):
            self._count()

    def taken_away(self, entries: Sequence[Entry]) -> None:
        """Other writers have these now, or have ended them."""
        logs.warning(Action.ENTRIES_TAKEN_AWAY, entries=len(entries), first=entries[0].id)
        for entry in entries:
            self.forget(entry, raw_text(entry.fields, b"operation_id"))

    def held(self) -> list[str]:
        """Ids of the entries kept here."""
        return [waiting.entry.id for waiting in self._all()]

    async def run(self, pipeline: Pipeline, ours: Ours, partition: Partition = QUEUE) -> None:
        """Hand the entries of a partition that are due to the pipeline, for ever: its server may be away."""
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
    """What is due; and with an entity's write, the entity's others: what queues for one entity goes in one go."""
    now = time.monotonic()
    due = {each.entity for each in waiting.values() if each.due <= now}
    return [
        each.entry for each in waiting.values() if each.due <= now or (each.entity is not None and each.entity in due)
    ]


def backoff_s(attempt: int, base_s: float, cap_s: float) -> float:
    """The pause after failure number `attempt`. Half of it is certain, so that the tries are spread over a time in
    which a fault may go; half is jitter, so that entries that failed together do not come back together."""
    pause_s = min(cap_s, base_s * 2 ** min(attempt - 1, _DOUBLINGS_MAX))
    return random.uniform(pause_s / 2, pause_s)  # noqa: S311 - jitter, not a secret
