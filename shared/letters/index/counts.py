"""Counts: the dead letters' share of the ledger, as of one moment."""

from collections.abc import Container, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.shared.letters.index.statements import rows_with
from holdfast.shared.letters.index.tables import groups, letters
from holdfast.shared.letters.replays.doubts import UncertainItem, doubts, in_queue
from holdfast.shared.letters.state import State
from holdfast.shared.store.cuts import Cuts
from holdfast.shared.store.engine import Engine, reading

_PRESENT = "SELECT id FROM dead_letters WHERE id IN ({})"


@dataclass(frozen=True, slots=True)
class LetterCounts:
    """The counts of the ledger, in letters."""

    #: Letters that are dead, or in a replay and not sent yet, or not indexed yet.
    dead_lettered: int
    #: Discarded letters, including those that retention has removed since.
    discarded: int
    #: Letters that were imported from a file or put on the dead-letter stream by hand, and have no entry of this write
    #: stream.
    imported: int
    #: Those of the dead letters that a replay may have put on the write stream just now.
    doubts: tuple[UncertainItem, ...] = ()


def newest_number(engine: Engine) -> int:
    """Return the newest number of the indexed letters, or 0 if there are none. Raises a Fault."""
    with reading(engine) as connection:
        return int(connection.execute(sa.select(sa.func.coalesce(sa.func.max(letters.c.id), 0))).scalar_one())


def letter_counts(
    connection: sa.Connection,
    up_to: int,
    on_stream: Mapping[int, bool],
    write_cuts: Cuts | None = None,
    there: Container[str] | None = None,
) -> LetterCounts:
    """Count the letters with a number up to `up_to`, in a transaction that sees one snapshot.

    `on_stream`: the numbers of the letters that were still on the dead-letter stream, and whether each names an entry.
    `write_cuts`: the last entry of each write stream at that time, as versions; None: now. `there`: the entries of
    replays that are on either stream; None: all.
    """
    states = (State.DEAD, State.REPLAYING, State.DISCARDED)
    columns = [*[groups.c[state] for state in states], groups.c.purged, groups.c.imported]
    sums = sa.select(*[sa.func.coalesce(sa.func.sum(column), 0) for column in columns])
    later = sa.select(letters.c.state, sa.func.count(), sa.func.coalesce(sa.func.sum(letters.c.imported), 0)).where(
        letters.c.id > up_to
    )
    dead, replaying, discarded, purged, imported = (int(count) for count in connection.execute(sums).one())
    newer = {state: (count, int(new)) for state, count, new in connection.execute(later.group_by(letters.c.state))}
    dead -= newer.get(State.DEAD, (0, 0))[0]
    discarded -= newer.get(State.DISCARDED, (0, 0))[0]
    sent, unsure = in_queue(connection, write_cuts, there), doubts(connection)
    present = {number for (number,) in rows_with(connection, _PRESENT, on_stream)}
    absent = [of_an_entry for number, of_an_entry in on_stream.items() if number not in present]
    unsent = max(0, replaying - sent)
    return LetterCounts(
        dead_lettered=dead + unsent + len(absent),
        discarded=discarded + purged,
        imported=imported - sum(new for _, new in newer.values()) + absent.count(False),
        doubts=tuple(unsure),
    )
