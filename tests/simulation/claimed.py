"""Claimed: observes unique values that are claimed before their write is accepted, on a queue with several partitions.
A process can be frozen between the two steps, for longer than the lease of a claim."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from holdfast.services.api.accept_parts import PartitionedAcceptor
from holdfast.services.api.candidate import Candidate
from holdfast.services.dlq_admin.auditor import sweeper
from holdfast.shared.queue import claims
from holdfast.shared.queue.claims import Claimed, Kept, Value

#: Seconds of a claim's lease, and between two sweeps, in worlds that have to sweep a claim: a small world ends within a
#: minute.
_LEASE_S, _SWEPT_EVERY_S = 2, 1.0


class Claims:
    """The claims of a run. `on_claim` is called in the process that has just claimed all values of a write."""

    def __init__(self) -> None:
        self.on_claim: list[Callable[[], None]] = []
        #: Operations whose claims were swept -> when, by the clock of the run.
        self.swept: dict[str, float] = {}


@contextmanager
def installed(seen: Claims, now: Callable[[], float], *, short: bool) -> Iterator[None]:
    """Report claims to `seen` while the context lasts. `short`: their lease lasts seconds."""
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
