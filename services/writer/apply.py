"""Apply: a batch against the database, through contention, outages and bad neighbours.

| the store raises | what happens                                                                   |
|------------------|--------------------------------------------------------------------------------|
| Contention       | the same batch again, full jitter, a few times; then halves; alone: no charge  |
| Outage           | hold everything, probe until it is over, then the same batch again; no charge  |
| BadData          | halve the batch until the bad entry stands alone: dead                         |
| anything else    | halve the batch until the entry stands alone: an attempt is charged            |
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from services.writer.hold import Hold
from shared import logs, metrics
from shared.decide import Delivery
from shared.faults import BadData, Clash, Contention, Outage
from shared.logs import Action
from shared.outcome import Dead, Outcome, Reason, Retry, failure_of
from shared.retry import again_on

_CONTENTION_ATTEMPTS = 4
_CONTENTION_BASE_S, _CONTENTION_CAP_S = 0.02, 0.5

Transaction = Callable[[list[Delivery]], list[Outcome]]


class Applier:
    """Runs the store's transaction in a thread of its own, and knows what each kind of failure asks for."""

    def __init__(self, transaction: Transaction, thread: Executor, hold: Hold) -> None:
        self._transaction = transaction
        self._thread = thread
        self._hold = hold

    async def __call__(self, batch: list[Delivery]) -> list[Outcome]:
        """One outcome per delivery, in order. Raises nothing but cancellation."""
        while True:
            await self._hold.over()
            try:
                return await self._through_contention(batch)
            except Outage as outage:
                metrics.retries.labels("database", "outage").inc()
                self._hold.begin(outage)
            except Exception as error:  # noqa: BLE001 - unknown is a kind, too: see the table above
                if len(batch) == 1:
                    return [_alone(error)]
                return await self._halves(batch, error)

    async def _through_contention(self, batch: list[Delivery]) -> list[Outcome]:
        async def once() -> list[Outcome]:
            with metrics.apply_duration.time():
                return await asyncio.get_running_loop().run_in_executor(self._thread, self._transaction, batch)

        metrics.apply_batch_size.observe(len(batch))
        return await again_on(
            Contention,
            once,
            base_s=_CONTENTION_BASE_S,
            cap_s=_CONTENTION_CAP_S,
            attempts=_CONTENTION_ATTEMPTS,
            before_sleep=lambda _: metrics.retries.labels("database", "contention").inc(),
        )

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
