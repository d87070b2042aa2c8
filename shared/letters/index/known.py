"""Known: how many writes of an epoch's window something is known of. A writer may have had some of them in hand when
the queue forgot them: when they end, more is known, and those ends are of the epoch before."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from holdfast.shared.letters.index.tables import letters
from holdfast.shared.letters.letter import names_an_entry
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Known, Window

#: Of the entry that ended an operation.
_ENTRY = (
    "(CAST(SUBSTRING_INDEX(o.entry_id, '-', 1) AS UNSIGNED) * 1000"
    " + CAST(SUBSTRING_INDEX(o.entry_id, '-', -1) AS UNSIGNED))"
)
_ENDED = f"""
    SELECT COUNT(*), SUM({_ENTRY} <= %s) FROM operations o FORCE INDEX (operations_version)
    LEFT JOIN dead_letters d ON d.operation_id = o.operation_id AND d.imported = 0
    WHERE o.version >= %s AND o.version <= %s AND o.entry_id IS NOT NULL
    AND {_ENTRY} >= %s AND {_ENTRY} <= %s AND d.id IS NULL
"""  # noqa: S608  # of this module's own words
#: An entry that was added by hand may have a version of before.
_OLDER_US = 60_000_000


class KnownWrites:
    """Counts in one transaction. An entry counts once: as a letter, whatever became of that, else as an operation that
    it ended, else as what is on the stream. It costs as much as the window is wide."""

    def __init__(self, connection: sa.Connection, window: Window, unread: Iterable[str]) -> None:
        """`unread`: of which entries the letters are that only the dead-letter stream has."""
        self._window = window
        limits = (window.seen_to, window.since - _OLDER_US, window.floor, window.since, window.floor)
        ended, seen = connection.exec_driver_sql(_ENDED, limits).one()
        self._seen, self._unseen = int(seen or 0), int(ended) - int(seen or 0)
        self._dead = {entry for entry in (*_entries_of_letters(connection, window), *unread) if self._holds(entry)}
        for entry in self._dead:
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


def _entries_of_letters(connection: sa.Connection, window: Window) -> list[str]:
    """Of the letters of a window's entries, and of a few others."""
    since, floor = (versions.to_stream_id(each).partition("-")[0] for each in (window.since, window.floor))
    first = since if len(since) == len(floor) else ""  # ids are compared as text
    query = sa.select(letters.c.entry_id).where(
        letters.c.imported == 0, letters.c.entry_id >= first, letters.c.entry_id <= f"{floor}-~"
    )
    return list(connection.execute(query).scalars())
