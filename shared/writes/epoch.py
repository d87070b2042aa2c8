"""Epoch: the time in which the queue's memory is unbroken. Pure: what was seen of the queue before, what is seen now,
and whether something is gone."""

from dataclasses import dataclass
from enum import StrEnum


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
    #: The number of this look, and of the newest one that the queue remembers from before.
    look: int
    remembered: int
    #: Entries ever put on the write stream.
    entries: int
    #: Version of the oldest entry on the stream (None: there is none), and of the newest one ever.
    oldest: int | None
    newest: int
    #: Whether replicas have it, where accepted writes wait for them.
    safe: bool = True


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
    #: Writes up to this version are of earlier epochs, also those that are newer than what the queue then had.
    floor: int
    identity: str
    look: int
    #: Accepted through the queue by then, earlier epochs included.
    accepted: int
    entries: int
    #: Whatever is older was over.
    oldest: int
    newest: int


def change(last: Epoch, memory: Memory) -> Cause | None:
    """What happened since the last look; None: the memory is unbroken. A look leaves its number in the queue, and is
    kept in the database afterwards: a queue that does not remember it has gone back."""
    if memory.remembered < last.look or memory.entries < last.entries:
        return Cause.WENT_BACK if memory.remembered or memory.entries else Cause.EMPTIED
    return Cause.MOVED if memory.identity != last.identity else None
