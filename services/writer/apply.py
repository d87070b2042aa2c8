"""Apply: applies a batch to the database, through contention, outages and bad neighbours.

| the store raises | what happens                                                                                   |
|------------------|------------------------------------------------------------------------------------------------|
| Contention       | retry the batch, past locked rows, a few times; then split it; a single entry is not charged   |
| Outage           | hold everything until a control write works, then retry at a gentle pace                       |
| Clash, BadData   | split the batch in halves, until the entry is alone                                            |
| anything else    | make a control write: if it fails, this is an Outage; if not, split the batch                  |

No error of the database counts against an entry without evidence. An entry that is alone is judged when it has failed
twice and a control write has worked after each failure: it is dead if its data is refused, and charged an attempt if
the reason is unknown. The same holds for an Outage that comes again although a control write has worked since.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import nullcontext

from holdfast.services.writer.hold import Hold
from holdfast.services.writer.pace import Pace
from holdfast.services.writer.traced import transaction
from holdfast.shared.faults import BadData, Clash, Contention, Outage, words_of
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.breaker.snapshot import State, Transition
from holdfast.shared.resilience.retry import retry_on
from holdfast.shared.telemetry import logs, metrics
from holdfast.shared.telemetry.logs import Action
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Dead, Outcome, Reason, Retry, failure_of

_CONTENTION_ATTEMPTS = 4
_CONTENTION_BASE_S, _CONTENTION_CAP_S = 0.02, 0.5
#: The pause after an outage. If an operator holds the breaker closed, only this pause spares a database that is down.
_AFTER_OUTAGE_S = 0.1

#: Maps (batch, whether it has just waited for a lock in vain) to the outcomes.
Attempt = Callable[[list[Delivery], bool], list[Outcome]]


class Applier:
    """Runs the store's transaction in a separate thread, and handles each kind of failure."""

    def __init__(self, attempt: Attempt, thread: Executor, breaker: Breaker, hold: Hold, pace: Pace) -> None:
        self._try = attempt
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
        """Return one outcome per delivery, in order. Raises nothing but cancellation."""
        return await self._all(batch, doubted=False)

    async def _all(self, batch: list[Delivery], *, doubted: bool) -> list[Outcome]:
        """Return one outcome per delivery. `doubted`: an outage is not believed before a control write has failed."""
        outcomes: list[Outcome] = []
        held = False
        while len(outcomes) < len(batch):
            await self._hold.over()
            done = len(outcomes)
            try:
                # If the batch was held before, the hold is over now because a control write has worked.
                outcomes += await self._attempt(batch[done : done + self._pace.batch], doubted=doubted or held)
                held = False
            except CallRefused:
                pass
            except Outage as outage:
                held = True
                metrics.retries.labels("database", "outage").inc()
                logs.warning(Action.BATCH_HELD, writes=len(batch) - done, error=outage.detail)
                await asyncio.sleep(_AFTER_OUTAGE_S)
        return outcomes

    async def _attempt(self, batch: list[Delivery], *, doubted: bool) -> list[Outcome]:
        """Apply the batch, or its halves if it fails for a reason that may lie in its entries. Raises Outage or
        CallRefused while the database is away."""
        try:
            return await self._through_contention(batch, doubted=doubted)
        except CallRefused:
            raise
        except Exception as error:
            if isinstance(error, Outage) and not doubted:
                raise
            if len(batch) == 1:
                return [await self._alone(batch, error)]
            if not isinstance(error, Contention | BadData):
                await self._hold.control()
            return await self._halves(batch, error, doubted=doubted)

    async def _alone(self, entry: list[Delivery], first: Exception) -> Outcome:
        """Return the outcome of a single entry that failed. Raises Outage or CallRefused if the database failed."""
        if _is_race(first):
            return Retry()
        await self._hold.control()
        logs.warning(Action.CONTROL_WRITE_WORKED, entry=entry[0].entry_id, error=words_of(first))
        try:
            return (await self._through_contention(entry, doubted=True))[0]
        except Exception as again:  # noqa: BLE001 - the entry is judged by this error
            if _is_race(again):
                return Retry()
            await self._hold.control()
            if isinstance(first, BadData) and isinstance(again, BadData):
                return Dead(Reason.INVALID_DATA, failure_of(again))
            metrics.retries.labels("database", "unknown").inc()
            return Retry(failure_of(again))

    async def _through_contention(self, batch: list[Delivery], *, doubted: bool) -> list[Outcome]:
        again = False

        async def once() -> list[Outcome]:
            nonlocal again
            met_a_lock, again = again, True
            async with nullcontext() if self._pace.full else self._gently:
                if doubted:  # the breaker would believe an outage at once, so it is left out
                    return await self._timed(batch, met_a_lock)
                return await self._breaker.call_async(self._timed, batch, met_a_lock)

        metrics.apply_batch_size.observe(len(batch))
        return await retry_on(
            Contention,
            once,
            base_s=_CONTENTION_BASE_S,
            cap_s=_CONTENTION_CAP_S,
            attempts=_CONTENTION_ATTEMPTS,
            before_sleep=lambda _: metrics.retries.labels("database", "contention").inc(),
        )

    async def _timed(self, batch: list[Delivery], met_a_lock: bool) -> list[Outcome]:
        began = time.monotonic()
        try:
            with metrics.apply_duration.time(), transaction(batch):
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, self._try, batch, met_a_lock)
        finally:
            self._pace.ended(began, time.monotonic())
            metrics.pace.set(self._pace.share)

    async def _halves(self, batch: list[Delivery], error: Exception, *, doubted: bool) -> list[Outcome]:
        logs.warning(Action.BATCH_SPLIT, writes=len(batch), error=words_of(error))
        middle = len(batch) // 2
        return [
            *await self._all(batch[:middle], doubted=doubted),
            *await self._all(batch[middle:], doubted=doubted),
        ]


def _is_race(error: Exception) -> bool:
    """Return whether another transaction was in the way and may be gone next time. A Clash that stays is no race."""
    return isinstance(error, Contention) and not isinstance(error, Clash)
