"""Kept back: entries that stay on the stream for a trouble of their own when their neighbours leave it.

Redis refuses to record how such an entry ended: somebody has put a key of another type in the way. It is reported, and
tried again until a person has repaired it.
"""

from collections.abc import Collection, Iterable, Sequence

from redis.exceptions import ResponseError

from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.connections.redis import text
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.writes.outcome import Dead, Reason

#: It waits as after so many failures.
_ATTEMPT = 5


class KeptBack:
    """Of one writer."""

    def __init__(self, deferred: Deferred) -> None:
        self._deferred = deferred
        self._reporter = FailureReporter("settle_one")
        self._ids: set[str] = set()

    def add(self, leaving: Iterable[Handled], failed: Sequence[Sequence[bytes]]) -> Collection[str]:
        """Keep those of `leaving` that failed, given as id and error. One that kills its writers is not tried again: it
        falls silent once more. Returns their ids."""
        errors = {text(entry_id): text(error) for entry_id, error in failed}
        for one in leaving:
            if one.entry.id in errors:
                self._reporter.failed(ResponseError(errors[one.entry.id]))
                if not isinstance(one.outcome, Dead) or one.outcome.reason is not Reason.CRASH_LOOP:
                    self._deferred.for_backoff(one.entry, _ATTEMPT)
        self._ids.update(errors)
        return errors

    def left(self, leaving: Iterable[Handled]) -> None:
        """These have left the stream."""
        if self._ids:
            self._ids.difference_update(one.entry.id for one in leaving)
            if not self._ids:
                self._reporter.worked()
