"""Partitions: the parts of the queue. The keys of a partition share one hash tag, so that each partition may be on
another server of a cluster.

A write belongs to the partition of its entity, and so does everything that is kept for the write: entry, pending copy,
operation, Idempotency-Key (a key always leads to the same entity), attempts, dead letter. Only a unique value belongs
to the partition that follows from the value itself, see claims.py.

The id of an entry names its partition: a version modulo the count of partitions is the partition's number (clock.lua).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TypeVar
from zlib import crc32

from holdfast.shared.queue import names

MOST = 64

T = TypeVar("T")


class Partition:
    """The keys of one part of the queue, which have one hash tag."""

    def __init__(self, number: int, count: int) -> None:
        self.number = number
        self.count = count
        self.prefix = names.PREFIX if count == 1 else f"{{holdfast:{count}:{number}}}:"
        self.writes = self._here(names.WRITES)
        self.dead = self._here(names.DEAD)
        self.clock = self._here(names.CLOCK)
        self.ledger = self._here(names.LEDGER)
        self.look = self._here(names.LOOK)
        self.on_disk = self._here(names.ON_DISK)
        self.taken_over = self._here(names.TAKEN_OVER)
        self.keys_since = self._here(names.KEYS_SINCE)
        self._keys_used = self._here(names.KEYS_USED)
        self._key = self._here(names.KEY)
        self._operation = self._here(names.OPERATION)
        self._attempts = self._here(names.ATTEMPTS)
        self._replay = self._here(names.REPLAY)
        #: The partition's number in the ids of its dead letters (settle.lua, shared/letters/ids.py).
        self.stream = 0 if count == 1 else count * 100 + number

    def _here(self, name: str) -> str:
        """Return this partition's key for a name of the undivided queue."""
        return self.prefix + name.removeprefix(names.PREFIX)

    @cached_property
    def accepting(self) -> tuple[str, ...]:
        """The keys that every call of accept.lua may touch."""
        return self.writes, self.clock, self.keys_since, mended(self.writes)

    @property
    def probed(self) -> str:
        """The key of a hash that never exists, so that a probe can send a write to it that changes nothing."""
        return self.operation("")

    def operation(self, operation_id: str) -> str:
        """Return the key of a pending or dead-lettered operation."""
        return self._operation + operation_id

    def attempts(self, entry_id: str) -> str:
        """Return the key of the failed attempts at an entry."""
        return self._attempts + entry_id

    def replay(self, replay_id: int) -> str:
        """Return the key of the entries that a replay has sent to this partition."""
        return f"{self._replay}{replay_id}"

    def record(self, key_hash: str) -> str:
        """Return the key of the record of an Idempotency-Key."""
        return self._key + key_hash

    def of_key(self, key_hash: str) -> tuple[str, str]:
        """Return the keys of an Idempotency-Key: its record, and the bitmap that holds its trace (keys.lua)."""
        return self._key + key_hash, self._keys_used + key_hash[:3]

    def kept(self, operation_id: str, pending: str, claims: Sequence[str | int]) -> list[str]:
        """Return the keys that are kept for a write while it is pending. `pending` and `claims`: see entities.py."""
        prefix = self.prefix
        keys = [f"{prefix}{name}" for name in claims[1::2]]
        if pending:
            keys.append(prefix + pending)
        if operation_id:
            keys.append(self._operation + operation_id)
        return keys


class Partitions(Sequence[Partition]):
    """All partitions of a queue."""

    def __init__(self, count: int = 1) -> None:
        self._all = tuple(Partition(number, count) for number in range(count))

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number):  # type: ignore[no-untyped-def]  # an index or a slice, as for a tuple
        return self._all[number]

    def of(self, entity_id: str) -> Partition:
        """Return the partition of an entity's writes."""
        return self.of_text(entity_id)

    def of_text(self, text: str) -> Partition:
        """Return the partition of anything that is identified by a text."""
        if len(self._all) == 1:
            return self._all[0]
        return self._all[crc32(text.encode()) % len(self._all)]

    def each(self, name: str, make: Callable[[Partition], T]) -> dict[str, T]:
        """Return `make(partition)` for each partition, by name. With several partitions, the partition's number is
        appended to the name."""
        return {name if len(self._all) == 1 else f"{name}_{one.number}": make(one) for one in self._all}

    def split(self, items: Iterable[tuple[str, T]]) -> dict[Partition, list[T]]:
        """Split (entity id, item) pairs: return the items by partition."""
        parts: dict[Partition, list[T]] = {}
        for entity_id, item in items:
            parts.setdefault(self.of(entity_id), []).append(item)
        return parts


def mended(stream: str) -> str:
    """Return the key under which a script rebuilds a stream, see clock.lua."""
    return f"{stream}:mended"


ONE = Partitions()
#: The only partition of a queue with one partition.
QUEUE: Partition = ONE[0]
