"""Deaths: makes sure in the database, before an entry becomes a dead letter, that its operation has no other end.

If the operation is in another transaction, or the database is away, its end is not known, and the entry is kept. An
entry that names no operation needs no check, because no writer can apply it.
"""

from collections.abc import Awaitable, Callable

from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.faults import Fault
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.store.deaths import Dying, GivenUp
from holdfast.shared.writes.decide import duplicate
from holdfast.shared.writes.outcome import Dead, Reason, Retry


class Deaths:
    """Checks the dying entries of one writer. `give_up`: that of `shared/store/deaths.py`, run in a thread."""

    def __init__(self, give_up: Callable[[list[Dying]], Awaitable[GivenUp]], deferred: Deferred) -> None:
        self._give_up = give_up
        self._deferred = deferred
        self._reporter = FailureReporter("deaths")

    async def __call__(self, handled: list[Handled]) -> list[Handled]:
        """Return the same entries. Those that may not die, or not yet, get another outcome."""
        dying = [
            Dying(one.operation_id, one.entry.id)
            for one in handled
            if isinstance(one.outcome, Dead) and one.operation_id
        ]
        if not dying:
            return handled
        known: GivenUp | None = None
        with self._reporter.suppressing(Fault):
            known = await self._give_up(dying)
        return [self._made_sure(one, known) for one in handled]

    def _made_sure(self, one: Handled, known: GivenUp | None) -> Handled:
        if not isinstance(one.outcome, Dead) or not one.operation_id:
            return one
        if known is None or one.operation_id in known.unknown:
            return self._later(one, one.outcome)
        ended = known.ended.get(one.operation_id)
        if ended is None:
            return one
        # The reclaim loop will find this end, and decode the entry so that its claims are released.
        if one.outcome.reason is Reason.CRASH_LOOP:
            return self._later(one, one.outcome)
        if one.delivery is None and ended.entry_id != one.entry.id:
            return one  # an unreadable entry that names an operation which another entry ended is not that write
        return Handled(one.entry, one.delivery, duplicate(ended, one.entry.id))

    def _later(self, one: Handled, outcome: Dead) -> Handled:
        """Keep the entry for later. An entry that kills its writers is not tried again: it is left to be reclaimed."""
        if outcome.reason is not Reason.CRASH_LOOP:
            self._deferred.for_backoff(one.entry, 1)
        return Handled(one.entry, one.delivery, Retry(outcome.failure))
