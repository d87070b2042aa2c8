"""The pipeline: decode -> apply -> settle, one outcome per entry, whatever way the entry came in.

It imports no I/O: `Apply` and `Settle` are handed in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.decide import Delivery
from shared.outcome import Dead, Failure, Outcome, Reason, Retry, failure_of
from shared.queue.codec import Undecodable, decode


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the write stream, undecoded."""

    id: str
    fields: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Handled:
    """An entry, the delivery it decoded to (None: it did not), and what became of it."""

    entry: Entry
    delivery: Delivery | None
    outcome: Outcome


Apply = Callable[[list[Delivery]], Awaitable[list[Outcome]]]
Settle = Callable[[list[Handled]], Awaitable[None]]


class Pipeline:
    """One batch at a time is applied; meanwhile the one before may still be settling. New, reclaimed and deferred
    entries take turns."""

    def __init__(self, apply: Apply, settle: Settle) -> None:
        self._apply = apply
        self._settle = settle
        self._applying = asyncio.Lock()
        #: Ids of the entries that are being handled or wait for their turn here.
        self.in_hand: set[str] = set()

    async def handle(self, entries: Sequence[Entry]) -> None:
        """Take `entries` to their outcomes. Returns when every one is settled or deferred."""
        ids = {entry.id for entry in entries}
        self.in_hand |= ids
        try:
            decoded = [(entry, _decode(entry)) for entry in entries]
            deliveries = [what for _, what in decoded if isinstance(what, Delivery)]
            async with self._applying:
                outcomes = iter(await self._apply(deliveries) if deliveries else [])
            await self._settle([_handled(entry, what, outcomes) for entry, what in decoded])
        finally:
            self.in_hand -= ids


def _handled(entry: Entry, what: Delivery | Dead | Retry, outcomes: Iterator[Outcome]) -> Handled:
    match what:
        case Delivery():
            return Handled(entry, what, next(outcomes))
        case Dead() | Retry():
            return Handled(entry, None, what)


def _decode(entry: Entry) -> Delivery | Dead | Retry:
    try:
        return Delivery(decode(entry.fields), entry.id)
    except Undecodable as error:
        return Dead(Reason.UNDECODABLE, Failure("Undecodable", "UNDECODABLE", str(error)))
    except Exception as error:  # noqa: BLE001 - a bug of ours must not fail the entry's neighbours
        return Retry(failure_of(error))
