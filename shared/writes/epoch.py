"""Epoch: the time in which the queue's memory is unbroken. Pure: what was seen of the queue before, what is seen now,
and whether something is gone."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import takewhile
from typing import NamedTuple


class Cause(StrEnum):
    """Why an epoch began."""

    FIRST = "first"
    #: It holds nothing of what was seen.
    EMPTIED = "emptied"
    #: It holds less than was seen: its last moments are gone.
    WENT_BACK = "went_back"
    #: It holds all that was seen; another server answers, or the same one after a start. What was written after the
    #: last look may be gone.
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Memory:
    """The queue at one moment."""

    #: Of the server process and of the history that it replicates.
    identity: str
    #: The number of the newest look that all of the queue remembers from before.
    remembered: int
    #: Entries ever put on the write stream.
    entries: int
    #: Version of the oldest entry on the stream (None: there is none), and of the newest one ever.
    oldest: int | None
    newest: int
    #: Whether replicas have it, where accepted writes wait for them.
    safe: bool = True
    #: And of the newest that any part of it remembers.
    latest: int = 0
    #: Who answered for each part.
    servers: tuple[str, ...] = ()


class Known(NamedTuple):
    """How many writes of a window something is known of: of those that had been seen, and of the others."""

    seen: int
    unseen: int


#: Nobody looks.
UNKNOWN = Known(-1, -1)


@dataclass(frozen=True, slots=True)
class Window:
    """Ids of entries, as versions, that the queue may have forgotten, and that a writer may still have in hand: those
    up to `seen_to` had been seen, and what is gone of them counts as lost."""

    since: int
    seen_to: int
    floor: int
    #: Of earlier breaks that it reaches back to: what no look had seen then, as (above, up to).
    unseen_before: tuple[tuple[int, int], ...] = ()
    #: So many of those were known when the queue broke again, and count as seen.
    known_before: int = 0

    def __contains__(self, entry: int) -> bool:
        return self.since <= entry <= self.floor

    def known(self, seen: int, unseen: int, before: int) -> Known:
        """Of so many entries up to `seen_to`, later ones, and ones in `unseen_before`."""
        again = min(before, self.known_before)
        return Known(seen + again, unseen + before - again)


@dataclass(frozen=True, slots=True)
class Epoch:
    """A row: an epoch, and the queue as it was last seen in it."""

    epoch: int
    cause: Cause
    #: As a version; at the begin of a later epoch than the first, what was lost is not newer.
    began: int
    #: What has to be added to the queue's own counts for writes accepted in earlier epochs.
    carried: int
    #: Acknowledged writes that were gone when it began; below 0: some that had been gone were back.
    lost: int
    #: What was lost is not older than this version.
    lost_from: int
    #: No version up to this one was given out any more when its begin was counted, also if it is newer than what the
    #: queue then had.
    floor: int
    identity: str
    look: int
    #: Accepted through the queue by then, earlier epochs included.
    accepted: int
    entries: int
    #: Whatever is older was over.
    oldest: int
    newest: int
    #: The window of what a writer may have had in hand when it began, and what is known of it by now. -1: an older
    #: build began it, and did not look.
    seen_to: int = 0
    known_seen: int = -1
    known_unseen: int = -1
    #: Writes that did not count as accepted, because they had been applied directly, and whose entry is not older than
    #: `oldest`.
    late: int = 0

    @property
    def known(self) -> Known:
        """Of the window, when it was last looked at."""
        return Known(self.known_seen, self.known_unseen)


def window(epochs: Sequence[Epoch]) -> Window | None:
    """Of the last one. None: nothing could be in hand, or it is not known what was known."""
    *before, last = epochs
    return None if last.known_seen < 0 else reaching(before, last.lost_from, last.seen_to, last.floor)


def reaching(before: Sequence[Epoch], since: int, seen_to: int, floor: int) -> Window:
    """A window that may reach back to those of epochs before."""
    reached = [*takewhile(lambda each: each.known_seen >= 0 and since <= each.lost_from, reversed(before))]
    unseen = tuple((each.seen_to, each.floor) for each in reached)
    looked = (each for each in reached if each.newest >= each.floor)
    return Window(since, seen_to, floor, unseen, sum(each.known_unseen for each in looked))


def change(last: Epoch, memory: Memory) -> Cause | None:
    """What happened since the last look; None: the memory is unbroken. A look leaves its number in the queue, and is
    kept in the database afterwards: a queue that does not remember it has gone back."""
    if memory.remembered < last.look or memory.entries < last.entries:
        return Cause.WENT_BACK if memory.remembered or memory.entries else Cause.EMPTIED
    return Cause.MOVED if memory.identity != last.identity else None
