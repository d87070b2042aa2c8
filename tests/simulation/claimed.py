"""Claimed: what a run notices of unique values that are claimed before a write is accepted, where the queue has several
partitions. A process can be frozen in between, for longer than a claim holds."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from holdfast.services.api.accept_parts import PartitionedAcceptor
from holdfast.services.api.candidate import Candidate
from holdfast.services.dlq_admin.auditor import sweeper
from holdfast.shared.queue import claims
from holdfast.shared.queue.claims import Claimed, Kept, Value

#: How long a claim holds where one is to be swept, and how often the sweeper looks: a small world ends before a minute.
_LEASE_S, _SWEPT_EVERY_S = 2, 1.0


class Claims:
    """`on_claim` is called when a process has claimed all values of a write, in that process."""

    def __init__(self) -> None:
        self.on_claim: list[Callable[[], None]] = []
        #: Operations whose claims were taken away -> when, by the clock of the run.
        self.swept: dict[str, float] = {}


@contextmanager
def installed(seen: Claims, now: Callable[[], float], *, short: bool) -> Iterator[None]:
    """While this lasts, `seen` learns of claims. `short`: they hold for seconds."""
    claim: Any = PartitionedAcceptor._claimed
    take_away: Any = sweeper.Sweeper._take_away

    async def claimed(self: PartitionedAcceptor, candidate: Candidate, values: tuple[Value, ...]) -> Claimed:
        made: Claimed = await claim(self, candidate, values)
        if made.taken is None:
            for call in seen.on_claim:
                call()
        return made

    async def swept(self: sweeper.Sweeper, doubtful: Sequence[Kept]) -> None:
        await take_away(self, doubtful)
        for each in doubtful:
            seen.swept.setdefault(each.operation_id, now())

    with (
        patch.object(PartitionedAcceptor, "_claimed", claimed),
        patch.object(sweeper.Sweeper, "_take_away", swept),
        patch.object(claims, "_LEASE_S", _LEASE_S if short else claims._LEASE_S),
        patch.object(sweeper, "_EVERY_S", _SWEPT_EVERY_S if short else sweeper._EVERY_S),
    ):
        yield
