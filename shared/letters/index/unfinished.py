"""Unfinished: reads how many dead letters are open, since when, and the progress of the active replays."""

from dataclasses import dataclass

import sqlalchemy as sa

from holdfast.shared.letters.index.tables import groups, letters, replays
from holdfast.shared.letters.replays.plan import ACTIVE, Counts
from holdfast.shared.letters.replays.read import counts_from
from holdfast.shared.letters.state import State
from holdfast.shared.store.engine import Engine, reading


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The open dead letters and the progress of the active replays, in letters."""

    open: int
    #: The number of the oldest open letter, which contains when it was dead-lettered.
    oldest: int | None
    #: In the active replays: all letters, letters ever sent, and letters that are over.
    planned: int
    sent: int
    over: int


def look(engine: Engine) -> Unfinished:
    """Return the current numbers. They come from kept counts and the ends of indexes, so the time does not grow with
    the number of letters. Raises a Fault."""
    waiting = sa.select(sa.func.coalesce(sa.func.sum(groups.c[State.DEAD]), 0))
    first = sa.select(sa.func.min(letters.c.id)).where(letters.c.state == State.DEAD)
    running = sa.select(replays.c.letters, replays.c.counts).where(replays.c.state.in_(ACTIVE))
    with reading(engine) as connection:
        count, oldest = connection.execute(waiting).scalar_one(), connection.execute(first).scalar_one()
        under_way = [(planned, counts_from(counts)) for planned, counts in connection.execute(running)]
    return Unfinished(
        open=int(count),
        oldest=oldest,
        planned=sum(planned for planned, _ in under_way),
        sent=sum(counts.sent for _, counts in under_way),
        over=sum(_over(counts) for _, counts in under_way),
    )


def _over(counts: Counts) -> int:
    return sum(counts.values()) - counts.unfinished
