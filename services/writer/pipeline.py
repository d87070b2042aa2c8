"""Pipeline: decodes, applies and settles entries, with one outcome per entry, whatever way the entry came in.

It imports no I/O: `Vet`, `Apply`, `Settle` and `Unknown` are passed in.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from holdfast.shared.queue.codec import Undecodable, UnknownWrite, decode, raw_text
from holdfast.shared.queue.entry import Entry
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Dead, Failure, Outcome, Reason, Retry, failure_of


class Handled(NamedTuple):
    """An entry, the delivery that it decoded to (None if it could not be decoded), and its outcome. `since_s`: when the
    attempt began, monotonic, in seconds; infinite if the outcome needed no attempt."""

    entry: Entry
    delivery: Delivery | None
    outcome: Outcome
    since_s: float = math.inf

    @property
    def operation_id(self) -> str:
        """The id of the entry's operation; empty if the entry names none."""
        return self.delivery.write.operation_id if self.delivery else raw_text(self.entry.fields, b"operation_id")


Apply = Callable[[list[Delivery]], Awaitable[list[Outcome]]]
Settle = Callable[[list[Handled]], Awaitable[None]]
#: Returns the entries that may be handled under the ids they have.
Vet = Callable[[Sequence[Entry]], Awaitable[Sequence[Entry]]]
#: Returns the outcome of an entry that this build does not know.
Unknown = Callable[[str, UnknownWrite], Dead | Retry]


#: While one transaction waits for the database, the other has the processor.
TRANSACTIONS_AT_ONCE = 2


@dataclass(slots=True, eq=False)
class _Turn:
    """Deliveries of one batch that wait to be applied, and the future for their outcomes."""

    deliveries: list[Delivery]
    outcomes: asyncio.Future[list[Outcome]] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Pipeline:
    """Handles new, reclaimed and deferred entries side by side: one batch is decoded while others are applied or
    settled. A transaction takes the deliveries that wait when it begins, up to `batch_max`, so that a busy writer makes
    few large transactions."""

    def __init__(self, vet: Vet, apply: Apply, settle: Settle, unknown: Unknown, batch_max: int) -> None:
        self._vet = vet
        self._apply = apply
        self._settle = settle
        self._unknown = unknown
        self._batch_max = batch_max
        self._applying = asyncio.Semaphore(TRANSACTIONS_AT_ONCE)
        self._waiting: deque[_Turn] = deque()
        #: Ids of the entries that are being handled or wait for their turn here.
        self.in_hand: set[str] = set()
        #: Held by the loop that handles entries which may kill their writer, one at a time.
        self.alone = asyncio.Lock()

    async def handle(self, entries: Sequence[Entry]) -> None:
        """Take `entries` to their outcomes. Returns when every entry is settled or deferred."""
        ids, since_s = {entry.id for entry in entries}, time.monotonic()
        self.in_hand |= ids
        try:
            decoded = [(entry, self._decode(entry)) for entry in await self._vet(entries)]
            deliveries = [what for _, what in decoded if isinstance(what, Delivery)]
            outcomes = iter(await self._applied(deliveries) if deliveries else [])
            await self._settle([_handled(entry, what, outcomes, since_s) for entry, what in decoded])
        finally:
            self.in_hand -= ids

    def _decode(self, entry: Entry) -> Delivery | Dead | Retry:
        try:
            return Delivery(decode(entry.fields, entry.id), entry.id)
        except UnknownWrite as error:
            return self._unknown(entry.id, error)
        except Undecodable as error:
            return Dead(Reason.UNDECODABLE, Failure("Undecodable", "UNDECODABLE", str(error)))
        except Exception as error:  # noqa: BLE001 - a bug in this code must not fail the rest of the batch
            return Retry(failure_of(error))

    async def _applied(self, deliveries: list[Delivery]) -> list[Outcome]:
        turn = _Turn(deliveries)
        self._waiting.append(turn)
        async with self._applying:
            if turn in self._waiting:
                await self._apply_together()
        return await turn.outcomes

    async def _apply_together(self) -> None:
        turns = [self._waiting.popleft()]
        size = len(turns[0].deliveries)
        while self._waiting and size + len(self._waiting[0].deliveries) <= self._batch_max:
            turns.append(self._waiting.popleft())
            size += len(turns[-1].deliveries)
        waiting = [turn.outcomes for turn in turns]
        try:
            outcomes = iter(await self._apply([delivery for turn in turns for delivery in turn.deliveries]))
        except Exception as error:  # noqa: BLE001 - every batch in this transaction fails, and its entries stay pending
            for future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        except asyncio.CancelledError:  # the writer stops
            for future in waiting:
                future.cancel()
            raise
        for turn in turns:
            mine = list(islice(outcomes, len(turn.deliveries)))
            if not turn.outcomes.done():  # done already: this batch alone was cancelled
                turn.outcomes.set_result(mine)


def _handled(entry: Entry, what: Delivery | Dead | Retry, outcomes: Iterator[Outcome], since_s: float) -> Handled:
    match what:
        case Delivery():
            return Handled(entry, what, next(outcomes), since_s)
        case Dead() | Retry():
            return Handled(entry, None, what, since_s)
