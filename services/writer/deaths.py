"""Deaths: before an entry becomes a dead letter, the database makes sure that its operation has no other end.

An entry whose operation is in somebody's transaction is kept, and so is one while the database is away: it is not known
then. Nobody can apply an entry that names no operation.
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
    """Of one writer. `give_up`: `shared/store/deaths.py`, in a thread."""

    def __init__(self, give_up: Callable[[list[Dying]], Awaitable[GivenUp]], deferred: Deferred) -> None:
        self._give_up = give_up
        self._deferred = deferred
        self._reporter = FailureReporter("deaths")

    async def __call__(self, handled: list[Handled]) -> list[Handled]:
        """The same entries; those that may not die, or not yet, have another outcome."""
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
        if ended is None or (one.delivery is None and ended.entry_id != one.entry.id):
            return one  # what cannot be read, and names what another entry ended, is not that write
        if one.outcome.reason is Reason.CRASH_LOOP:  # it is looked up again, and read: its claims are to be released
            return self._later(one, one.outcome)
        return Handled(one.entry, one.delivery, duplicate(ended, one.entry.id))

    def _later(self, one: Handled, outcome: Dead) -> Handled:
        """One that kills its writers is not tried again: it stays as it is, and falls silent once more."""
        if outcome.reason is not Reason.CRASH_LOOP:
            self._deferred.for_backoff(one.entry, 1)
        return Handled(one.entry, one.delivery, Retry(outcome.failure))
