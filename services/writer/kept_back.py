"""Kept back: keeps entries on the stream that cannot leave it with the rest of their batch.

Redis refuses to record how such an entry ended, because a key of another type is in the way. The error is reported, and
the entry is tried again until an operator has removed the key.
"""

from collections.abc import Collection, Iterable, Sequence

from redis.exceptions import ResponseError

from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.connections.redis import text
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.writes.outcome import Dead, Reason

#: Such an entry waits as long as after this many failures.
_ATTEMPT = 5


class KeptBack:
    """The entries that one writer keeps back."""

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._reporter = FailureReporter("settle_one")
        self._ids: set[str] = set()

    def add(self, leaving: Iterable[Handled], failed: Sequence[Sequence[bytes]]) -> Collection[str]:
        """Keep the entries of `leaving` that are in `failed`, each with its id and error. An entry that kills its
        writers is not tried again: it is left to be reclaimed. Return the ids of the failed entries."""
        errors = {text(entry_id): text(error) for entry_id, error in failed}
        for one in leaving:
            if one.entry.id in errors:
                self._reporter.failed(ResponseError(errors[one.entry.id]))
                if not isinstance(one.outcome, Dead) or one.outcome.reason is not Reason.CRASH_LOOP:
                    self._deferred.for_backoff(one.entry, _ATTEMPT)
        self._ids.update(errors)
        return errors

    def left(self, leaving: Iterable[Handled]) -> None:
        """Record that these entries have left the stream."""
        if self._ids:
            self._ids.difference_update(one.entry.id for one in leaving)
            if not self._ids:
                self._reporter.worked()
