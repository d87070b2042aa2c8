"""Stream: entries in the order of their ids, and the groups that read them. Ids are (ms, sequence)."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from tests.models.redis.reply import Failure

Id = tuple[int, int]

ZERO: Id = (0, 0)
MOST: Id = (2**64 - 1, 2**64 - 1)
INVALID_ID = "ERR Invalid stream ID specified as stream command argument"
TOO_SMALL = "ERR The ID specified in XADD is equal or smaller than the target stream top item"

_ID = re.compile(rb"(\d{1,20})(?:-(\d{1,20}))?")


def id_of(text: bytes, missing: int = 0) -> Id:
    """Parse an id. `missing`: the sequence if the text has none. Raises Failure."""
    found = _ID.fullmatch(text)
    if not found:
        raise Failure(INVALID_ID)
    id = int(found[1]), missing if found[2] is None else int(found[2])
    if max(id) > MOST[0]:
        raise Failure(INVALID_ID)
    return id


def written(id: Id) -> bytes:
    """Format an id."""
    return b"%d-%d" % id


def after(id: Id) -> Id:
    """Return the next id. Raises Failure after the last."""
    if id == MOST:
        raise Failure("ERR invalid start ID for the interval")
    return (id[0], id[1] + 1) if id[1] < MOST[1] else (id[0] + 1, 0)


def before(id: Id) -> Id:
    """Return the previous id. Raises Failure before the first."""
    if id == ZERO:
        raise Failure("ERR invalid end ID for the interval")
    return (id[0], id[1] - 1) if id[1] else (id[0] - 1, MOST[1])


@dataclass(slots=True)
class Pending:
    """A delivered entry that is not acknowledged."""

    consumer: bytes
    delivered_ms: int
    deliveries: int


@dataclass(slots=True)
class Group:
    """A consumer group. `read`: the number of entries that it has passed, or None if unknown. Consumers are stored with
    the time when they were last seen."""

    last: Id
    read: int | None
    pending: dict[Id, Pending] = field(default_factory=dict)
    consumers: dict[bytes, int] = field(default_factory=dict)

    def pending_between(self, low: Id, high: Id) -> list[Id]:
        """Return pending entries in the order of ids."""
        if low == high:
            return [low] if low in self.pending else []
        return sorted(id for id in self.pending if low <= id <= high)


@dataclass(slots=True)
class Stream:
    """A stream. `first` is the oldest entry and `deleted` the newest deleted one, each (0, 0) if there is none."""

    ids: list[Id] = field(default_factory=list)
    entries: dict[Id, list[bytes]] = field(default_factory=dict)
    last: Id = ZERO
    deleted: Id = ZERO
    added: int = 0
    groups: dict[bytes, Group] = field(default_factory=dict)

    @property
    def first(self) -> Id:
        """The oldest entry."""
        return self.ids[0] if self.ids else ZERO

    def next_id(self, text: bytes, now_ms: int) -> Id:
        """Return the id of a new entry, from what was asked for. Raises Failure."""
        if text == b"*":
            id = (now_ms, 0) if now_ms > self.last[0] else (self.last[0], self.last[1] + 1)
        elif text.endswith(b"-*"):
            ms, _ = id_of(text[:-2])
            id = (ms, self.last[1] + 1) if ms == self.last[0] else (ms, 0)
        else:
            id = id_of(text)
            if id == ZERO:
                raise Failure("ERR The ID specified in XADD must be greater than 0-0")
        if self.last == MOST:
            raise Failure("ERR The stream has exhausted the last possible ID, unable to add more items")
        if id <= self.last:
            raise Failure(TOO_SMALL)
        return id

    def add(self, id: Id, fields: list[bytes]) -> None:
        """Append an entry."""
        self.ids.append(id)
        self.entries[id] = fields
        self.last = id
        self.added += 1

    def between(self, low: Id, high: Id) -> list[Id]:
        """Return the ids from `low` to `high`."""
        if low == high:
            return [low] if low in self.entries else []
        return self.ids[bisect_left(self.ids, low) : bisect_right(self.ids, high)]

    def delete(self, id: Id) -> bool:
        """Delete an entry, and return whether it existed."""
        if self.entries.pop(id, None) is None:
            return False
        del self.ids[bisect_left(self.ids, id)]
        self.deleted = max(self.deleted, id)
        return True

    def trim(self, most: int) -> int:
        """Keep the newest `most` entries, and return how many were removed."""
        gone = self.ids[: max(0, len(self.ids) - most)]
        for id in gone:
            del self.entries[id]
        del self.ids[: len(gone)]
        return len(gone)

    def gap_from(self, low: Id) -> bool:
        """Return whether an entry above `low` may have been deleted."""
        return bool(self.ids) and self.deleted >= self.first and low <= self.deleted

    def passed(self, id: Id) -> int | None:
        """Return how many entries were ever added up to `id`, or None if that cannot be known."""
        if not self.added:
            return 0
        if (not self.ids and id <= self.last) or id == self.last:
            return self.added
        if id > self.last:
            return None
        if self.deleted == ZERO or self.deleted < self.first:
            if id < self.first:
                return self.added - len(self.ids)
            if id == self.first:
                return self.added - len(self.ids) + 1
        return None

    def deliver(self, group: Group, id: Id) -> None:
        """Move the group on to `id`."""
        if id <= group.last:
            return
        if group.read is not None and not self.gap_from(id):
            group.read += 1
        elif self.added:
            group.read = self.passed(id)
        group.last = id

    def lag(self, group: Group) -> int | None:
        """Return how many entries the group has not passed, or None if that cannot be known."""
        if not self.added:
            return 0
        if group.read is not None and not self.gap_from(group.last):
            return self.added - group.read
        passed = self.passed(group.last)
        return None if passed is None else self.added - passed
