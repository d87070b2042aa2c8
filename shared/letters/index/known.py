"""Known: counts the known writes in an epoch's window. A writer may have had some of these writes in flight when the
queue forgot them. When they end, more writes are known, and their ends belong to the epoch before."""

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from holdfast.shared.letters.ids import stream_of
from holdfast.shared.letters.index.tables import items, letters
from holdfast.shared.letters.letter import names_an_entry
from holdfast.shared.letters.state import State
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Known, Window
from holdfast.shared.writes.versions import VERSION_MAX

#: The version of the entry that ended an operation.
_ENTRY = (
    "(CAST(SUBSTRING_INDEX(o.entry_id, '-', 1) AS UNSIGNED) * 1000"
    " + CAST(SUBSTRING_INDEX(o.entry_id, '-', -1) AS UNSIGNED))"
)
_ENDED = f"""
    SELECT COUNT(*), SUM({_ENTRY} <= %s AND NOT ({{before}})), SUM({{before}})
    FROM operations o FORCE INDEX (operations_version)
    LEFT JOIN dead_letters d ON d.operation_id = o.operation_id AND d.imported = 0
    WHERE o.version >= %s AND o.version <= %s AND o.entry_id IS NOT NULL
    AND {_ENTRY} >= %s AND {_ENTRY} <= %s AND d.id IS NULL
"""  # noqa: S608  # only this module's own text
#: How much older than its entry a version may be, in microseconds: an entry that was added by hand may have an older
#: one.
_OLDER_US = 60_000_000
#: Letters that the ledger counts.
_COUNTED = (State.DEAD, State.REPLAYING, State.DISCARDED)


#: Entries that replays sent: those that have not ended yet, and those of letters without an operation that were
#: dead-lettered again.
_SENT_AGAIN = sa.select(items.c.entry_id).where(
    (items.c.state == "sent")
    | (items.c.operation_id.is_(None) & items.c.state.in_(("failed_same", "failed_differently")))
)

#: The number of a letter, or None if no stream gives out its id, and the dead-lettered entry.
Unread = tuple[int | None, str]


class KnownWrites:
    """Counts the known writes of a window in one transaction. An entry counts once: as a letter, whatever its state, or
    else as the end of an operation, or else as an entry on the stream. The cost follows the width of the window."""

    def __init__(self, connection: sa.Connection, window: Window, unread: Iterable[Unread]) -> None:
        """Count letters and ended operations. `unread`: the letters on the dead-letter stream, some of which may be
        indexed already."""
        self._window = window
        limits = (window.seen_to, window.since - _OLDER_US, window.floor, window.since, window.floor)
        gaps = [f"({_ENTRY} > {above} AND {_ENTRY} <= {up_to})" for above, up_to in window.unseen_before]
        query = _ENDED.format(before=" OR ".join(gaps) or "0")
        ended, seen, before = (int(count or 0) for count in connection.exec_driver_sql(query, limits).one())
        self._seen, self._before, self._unseen = seen, before, ended - seen - before
        died = _first_letters(connection, window, unread)
        for _, entry in died:
            self._count(entry)
        self._dead = set(died)

    def on_stream(self, page: Iterable[tuple[str, str, bool, int]], ended: Mapping[str, str | None]) -> None:
        """Count a page of the write streams. `page`: as `backlog` yields it; `ended`: operation -> the entry that ended
        it."""
        for entry, operation_id, again, stream in page:
            known = again or (stream, entry) in self._dead or _holds(self._window, ended.get(operation_id))
            if not known and _holds(self._window, entry):
                self._count(entry)

    @property
    def counts(self) -> Known:
        """The known writes counted so far."""
        return self._window.known(self._seen, self._unseen, self._before)

    def _count(self, entry: str) -> None:
        version = versions.from_stream_id(entry)
        if any(above < version <= up_to for above, up_to in self._window.unseen_before):
            self._before += 1
        elif version <= self._window.seen_to:
            self._seen += 1
        else:
            self._unseen += 1


def letters_after(connection: sa.Connection, cut: int, unread: Iterable[Unread]) -> int:
    """Count those of the ledger's letters whose entries are newer than the version `cut`. A letter that was
    dead-lettered again is as old as its first letter. `unread`: the letters on the dead-letter stream, some of which
    may be indexed already."""
    return len(_first_letters(connection, Window(cut + 1, cut, VERSION_MAX), unread, _COUNTED))


def _first_letters(
    connection: sa.Connection, window: Window, unread: Iterable[Unread], states: Sequence[State] = tuple(State)
) -> list[tuple[int, str]]:
    """Return (stream, entry) of the dead-lettered entries of a window, without entries that a replay sent, which belong
    to earlier letters. The stream is needed because entries added by hand to two partitions may have the same id."""
    since, floor = (versions.to_stream_id(each).partition("-")[0] for each in (window.since, window.floor))
    low = since if len(since) == len(floor) else ""  # ids are compared as text
    of_window = (letters.c.imported == 0, letters.c.entry_id >= low, letters.c.entry_id <= f"{floor}-~")
    earlier = letters.alias()
    before = (earlier.c.operation_id == letters.c.operation_id) & (earlier.c.id < letters.c.id)
    first = sa.select(letters.c.id, letters.c.entry_id).where(
        *of_window, earlier.c.id.is_(None), letters.c.state.in_(states)
    )
    first = first.outerjoin_from(letters, earlier, before & (earlier.c.imported == 0))
    indexed = set(connection.execute(sa.select(letters.c.id).where(*of_window)).scalars())
    new = ((number, entry) for number, entry in unread if number not in indexed)
    died = [*((number, entry) for number, entry in connection.execute(first)), *new]
    sent = set(connection.execute(_SENT_AGAIN).scalars())
    return [(stream_of(number or 0), entry) for number, entry in died if entry not in sent and _holds(window, entry)]


def _holds(window: Window, entry: str | None) -> bool:
    return entry is not None and names_an_entry(entry) and versions.from_stream_id(entry) in window
