"""Apply: a batch against the database, through contention, outages and bad neighbours.

| the store raises | what happens                                                                   |
|------------------|--------------------------------------------------------------------------------|
| Contention       | the same batch again, full jitter, a few times; then halves; alone: no charge  |
| Outage           | hold everything until the breaker closes, then again, at a gentle pace; no charge |
| BadData          | halve the batch until the bad entry stands alone: dead                         |
| anything else    | halve the batch until the entry stands alone: an attempt is charged            |
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext

from services.writer.hold import Hold
from services.writer.pace import Pace
from services.writer.traced import transaction
from shared import logs, metrics
from shared.breaker.breaker import Breaker
from shared.breaker.refused import CallRefused
from shared.breaker.snapshot import State, Transition
from shared.decide import Delivery
from shared.faults import BadData, Clash, Contention, Outage
from shared.logs import Action
from shared.outcome import Dead, Outcome, Reason, Retry, failure_of
from shared.retry import again_on

_CONTENTION_ATTEMPTS = 4
_CONTENTION_BASE_S, _CONTENTION_CAP_S = 0.02, 0.5
#: An operator may hold the breaker closed: then this is all that spares a database that is down.
_AFTER_OUTAGE_S = 0.1

Transaction = Callable[[list[Delivery]], list[Outcome]]


class Applier:
    """Runs the store's transaction in a thread of its own, and knows what each kind of failure asks for."""

    def __init__(
        self, transaction: Transaction, thread: Executor, breaker: Breaker, hold: Hold, pace: Pace
    ) -> None:  # fmt: skip
        self._transaction = transaction
        self._thread = thread
        self._breaker = breaker
        self._hold = hold
        self._pace = pace
        self._gently = asyncio.Lock()
        breaker.listen(lambda _name, transition: self._moved(transition))

    def _moved(self, transition: Transition) -> None:
        if transition.to is State.OPEN:
            self._pace.begin_again(time.monotonic())
            metrics.pace.set(self._pace.share)

    async def __call__(self, batch: list[Delivery]) -> list[Outcome]:
        """One outcome per delivery, in order. Raises nothing but cancellation."""
        outcomes: list[Outcome] = []
        while len(outcomes) < len(batch):
            await self._hold.over()
            done = len(outcomes)
            outcomes += await self._attempt(batch[done : done + self._pace.batch])
        return outcomes

    async def _attempt(self, batch: list[Delivery]) -> list[Outcome]:
        """The outcomes; none at all while the database is away."""
        try:
            return await self._through_contention(batch)
        except CallRefused:
            return []
        except Outage as outage:
            metrics.retries.labels("database", "outage").inc()
            logs.warning(Action.BATCH_HELD, writes=len(batch), error=str(outage))
            await asyncio.sleep(_AFTER_OUTAGE_S)
            return []
        except Exception as error:  # noqa: BLE001 - unknown is a kind, too: see the table above
            if len(batch) == 1:
                return [_alone(error)]
            return await self._halves(batch, error)

    async def _through_contention(self, batch: list[Delivery]) -> list[Outcome]:
        async def once() -> list[Outcome]:
            async with nullcontext() if self._pace.full else self._gently:
                return await self._breaker.call_async(self._timed, batch)

        metrics.apply_batch_size.observe(len(batch))
        return await again_on(
            Contention,
            once,
            base_s=_CONTENTION_BASE_S,
            cap_s=_CONTENTION_CAP_S,
            attempts=_CONTENTION_ATTEMPTS,
            before_sleep=lambda _: metrics.retries.labels("database", "contention").inc(),
        )

    async def _timed(self, batch: list[Delivery]) -> list[Outcome]:
        began = time.monotonic()
        try:
            with metrics.apply_duration.time(), transaction(batch):
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, batch)
        finally:
            self._pace.ended(began, time.monotonic())
            metrics.pace.set(self._pace.share)

    async def _halves(self, batch: list[Delivery], error: Exception) -> list[Outcome]:
        logs.warning(Action.BATCH_SPLIT, writes=len(batch), error=failure_of(error).message)
        middle = len(batch) // 2
        return [*await self(batch[:middle]), *await self(batch[middle:])]


def _alone(error: Exception) -> Outcome:
    """What an error means once it is certain which entry it belongs to."""
    match error:
        case BadData():
            return Dead(Reason.INVALID_DATA, failure_of(error))
        case Contention() if not isinstance(error, Clash):
            return Retry()
        case _:
            metrics.retries.labels("database", "unknown").inc()
            return Retry(failure_of(error))
