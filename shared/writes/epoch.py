"""Epoch: the time in which the queue's memory is unbroken. This module is pure: it compares what was seen of the queue
before with what is seen now, and tells whether something is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple


class Cause(StrEnum):
    """The reason why an epoch began."""

    FIRST = "first"
    #: The queue holds nothing of what was seen.
    EMPTIED = "emptied"
    #: The queue holds less than was seen: its latest changes are gone.
    WENT_BACK = "went_back"
    #: The queue holds all that was seen, but another server answers, or the same server after a restart. Writes after
    #: the last look may be gone.
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Memory:
    """The queue at one moment."""

    #: Identifies the server process and its replication history.
    identity: str
    #: The number of the newest earlier look that every partition remembers.
    remembered: int
    #: Entries that were ever added to the write stream.
    entries: int
    #: Version of the oldest entry on the stream, or None if it is empty; and of the newest entry ever.
    oldest: int | None
    newest: int
    #: Whether enough replicas have what was read, if accepted writes wait for replicas.
    safe: bool = True
    #: The greatest number of a look that any partition holds, even of a look at a stream that is no longer there.
    latest: int = 0
    #: The server that answered for each partition, and its stream, before this look stored its number.
    places: tuple[str, ...] = ()


class Known(NamedTuple):
    """The number of known writes in a window: those that a look had seen (`seen`), and the others (`unseen`)."""

    seen: int
    unseen: int


#: Stands for a window whose known writes are not counted.
UNKNOWN = Known(-1, -1)


@dataclass(frozen=True, slots=True)
class Window:
    """A range of entry ids, as versions, that the queue may have forgotten and that a writer may still have in flight.
    A look had seen the entries up to `seen_to`; those of them that are gone count as lost."""

    since: int
    seen_to: int
    floor: int
    #: For each earlier break that the window reaches back to: the range that no look had seen then, as (above, up to).
    unseen_before: tuple[tuple[int, int], ...] = ()
    #: How many writes in those ranges were known when the queue broke again; these count as seen.
    known_before: int = 0

    def __contains__(self, entry: int) -> bool:
        return self.since <= entry <= self.floor

    def known(self, seen: int, unseen: int, before: int) -> Known:
        """Return the known writes. `seen`: the number of known entries up to `seen_to`; `unseen`: that of later ones;
        `before`: that of entries in `unseen_before`."""
        again = min(before, self.known_before)
        return Known(seen + again, unseen + before - again)


@dataclass(frozen=True, slots=True)
class Epoch:
    """An epoch, and the queue as it was last seen in the epoch. One row of the database."""

    epoch: int
    cause: Cause
    #: When the epoch began, as a version. Except for the first epoch, the lost writes are not newer than this.
    began: int
    #: The number to add to the queue's own counts for writes accepted in earlier epochs.
    carried: int
    #: Acknowledged writes that were gone when the epoch began; below 0 if writes that had been gone were back.
    lost: int
    #: The lost writes are not older than this version.
    lost_from: int
    #: No version up to this one was given out after the epoch's begin was counted, even if it is newer than what the
    #: queue had then.
    floor: int
    identity: str
    look: int
    #: Writes accepted through the queue up to the last look, earlier epochs included.
    accepted: int
    entries: int
    #: Every entry older than `oldest` was over.
    oldest: int
    newest: int
    #: The window of the writes that a writer may have had in flight when the epoch began, and the known writes in the
    #: window by now; -1 if an older build began the epoch, which did not count them.
    seen_to: int = 0
    known_seen: int = -1
    known_unseen: int = -1
    #: Writes whose entry is not older than `oldest` but did not count as accepted, because they had been applied
    #: directly.
    late: int = 0

    @property
    def known(self) -> Known:
        """The known writes in the window, as of the last look."""
        return Known(self.known_seen, self.known_unseen)


def window(epochs: Sequence[Epoch]) -> Window | None:
    """Return the window of the last epoch, or None if nothing could be in flight, or known writes were not counted."""
    *before, last = epochs
    return None if last.known_seen < 0 else reaching(before, last.lost_from, last.seen_to, last.floor)


def reaching(before: Sequence[Epoch], since: int, seen_to: int, floor: int) -> Window:
    """Return a window, which may reach back to the windows of earlier epochs."""
    reached = [*takewhile(lambda each: each.known_seen >= 0 and since <= each.lost_from, reversed(before))]
    unseen = tuple((each.seen_to, each.floor) for each in reached)
    looked = (each for each in reached if each.newest >= each.floor)
    return Window(since, seen_to, floor, unseen, sum(each.known_unseen for each in looked))


def change(last: Epoch, memory: Memory) -> Cause | None:
    """Return why a new epoch begins, or None if the memory is unbroken since the last look. A look stores its number in
    the queue first and in the database afterwards, so a queue that does not remember the number has gone back."""
    if memory.remembered < last.look or memory.entries < last.entries:
        return Cause.WENT_BACK if memory.remembered or memory.entries else Cause.EMPTIED
    return Cause.MOVED if memory.identity != last.identity else None
