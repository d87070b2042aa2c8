"""Known: how many writes of an epoch's window something is known of. A writer may have had some of them in hand when
the queue forgot them: when they end, more is known, and those ends are of the epoch before."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from holdfast.shared.letters.index.counts import letters_of
from holdfast.shared.letters.letter import names_an_entry
from holdfast.shared.store.counts import ended_by, ended_in
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Known, Window


class KnownWrites:
    """Counts in one transaction. An entry counts once: as an operation that it ended, else as a letter, else as what is
    on the stream. What a replay has sent again counts as the letter that it was."""

    def __init__(self, connection: sa.Connection, window: Window, unread: Iterable[str]) -> None:
        """`unread`: of which entries the letters are that only the dead-letter stream has."""
        self._window = window
        self._seen, self._unseen = ended_in(connection, window)
        letters = {entry: operation for entry, operation in letters_of(connection, window) if self._holds(entry)}
        ended = ended_by(connection, filter(None, letters.values()))
        self._dead = {*letters, *(entry for entry in unread if self._holds(entry))}
        for entry in self._dead:
            if not self._holds(ended.get(letters.get(entry) or "")):
                self._count(entry)

    def on_stream(self, page: Iterable[tuple[str, str, bool]], ended: Mapping[str, str | None]) -> None:
        """A page of the write stream, and which entry has ended which operation."""
        for entry, operation_id, again in page:
            known = again or entry in self._dead or self._holds(ended.get(operation_id))
            if not known and self._holds(entry):
                self._count(entry)

    @property
    def counts(self) -> Known:
        """Until now."""
        return Known(self._seen, self._unseen)

    def _holds(self, entry: str | None) -> bool:
        return entry is not None and names_an_entry(entry) and versions.from_stream_id(entry) in self._window

    def _count(self, entry: str) -> None:
        if versions.from_stream_id(entry) <= self._window.seen_to:
            self._seen += 1
        else:
            self._unseen += 1
