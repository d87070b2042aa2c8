"""Hand: what people and other programs do to the queue directly. They add poison, junk, entries from the future and
second copies, and take entries away from their readers."""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any

from deploy.poison.entries import GOOD, poison
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from tests.promises.history import AHEAD, Event, Planted, Refused

GROUP = b"writers"
#: A consumer that is no writer, and the share of the times when it reads new entries.
_SOMEBODY, _READ = b"somebody", 0.3
#: Follows the name of a stream that is put aside.
_ASIDE = b":aside"
_US = 1_000_000
_REMEMBERED = 40
_NAMES = ("schema", "resource", "command", "operation_id", "entity_id", "version", "payload", "after", "if_match",
          "expires_at", "notify", "body_hash", "x")  # fmt: skip

Fields = Mapping[str, bytes]


class Hand:
    """Acts on the queue directly. `run` executes a Redis command and returns None if it fails; `record` keeps what was
    planted."""

    def __init__(
        self,
        run: Callable[..., Any],
        wall_s: Callable[[], float],
        now: Callable[[], float],
        record: Callable[[Event], None],
        partitions: Partitions = ONE,
    ) -> None:
        self._partitions = partitions
        self._turn = 0
        self._renamed = b""
        self._run = run
        self._wall_s = wall_s
        self._now = now
        self._record = record
        #: Operations that can never be applied.
        self._bad: set[bytes] = set()
        #: Heartbeats that were on the stream when it lost data.
        self.heartbeats = 0
        #: Entries that have ever been on the stream.
        self._seen: list[tuple[bytes, ...]] = []

    @property
    def poisoned(self) -> bool:
        """Whether anything was planted that can never be applied."""
        return bool(self._bad)

    def poison(self, count: int, seed: int) -> None:
        """Add entries of `deploy.poison`, and sometimes a valid one. Their versions are a second old."""
        version = int((self._wall_s() - 1) * _US)
        for kind, fields in poison(count, version, seed, good_each=seed % 2):
            self._add(fields, kind, bad=kind != GOOD)

    def junk(self, count: int, chance: Random) -> None:
        """Add an entry with random field names and values, some of which a write has too."""
        for _ in range(count):
            names = chance.sample(_NAMES, chance.randint(1, 9))
            self._add({name: _value(name, chance) for name in names}, "junk", bad=True)

    def ahead(self, seconds: float) -> None:
        """Add junk under an id in the future, so that every later entry comes after it."""
        entry_id = f"{int((self._wall_s() + seconds) * 1000)}-0"
        self._add({"x": b"ahead"}, AHEAD, bad=True, entry_id=entry_id)

    def junk_letter(self, chance: Random) -> None:
        """Add junk to the dead-letter stream."""
        names = chance.sample(("original.operation_id", "original.command", "reason", "error", "entry_id", "x"), 3)
        fields = {name: _value(name.removeprefix("original."), chance) for name in names}
        self._add(fields, "letter", bad=True, stream=self._next().dead)

    def twice(self, count: int, chance: Random) -> int:
        """Add second copies of entries that are or were on the stream."""
        writes = self._next().writes.encode()
        for _, fields in self._run(b"XRANGE", writes, b"-", b"+", b"COUNT", b"20") or ():
            # A second copy of an entry that can never be applied rightly becomes a second dead letter.
            if self._bad.isdisjoint(fields) and b"operation_id" in fields:
                self._seen.append(tuple(fields))
        del self._seen[:-_REMEMBERED]
        again = [chance.choice(self._seen) for _ in range(count)] if self._seen else []
        for words in again:
            self._run(b"XADD", self._of(words).writes.encode(), b"*", *words)
        return len(again)

    def orphans(self, chance: Random) -> int:
        """Remove delivered entries from every pending list."""
        writes = self._next().writes.encode()
        pending = self._run(b"XPENDING", writes, GROUP, b"-", b"+", b"20")
        if not pending:
            return 0
        if chance.random() < 0.5:
            self._run(b"XGROUP", b"DELCONSUMER", writes, GROUP, chance.choice(pending)[1])
        else:
            self._run(b"XACK", writes, GROUP, chance.choice(pending)[0])
        return len(pending)

    def taken(self, count: int, chance: Random) -> int:
        """Take entries as a reader that is no writer, and do nothing with them: read new ones, or claim pending ones so
        many times."""
        writes = self._next().writes.encode()
        if chance.random() < _READ:
            some = str(count).encode()
            read = self._run(b"XREADGROUP", b"GROUP", GROUP, _SOMEBODY, b"COUNT", some, b"STREAMS", writes, b">")
            return len(read or ())
        pending = self._run(b"XPENDING", writes, GROUP, b"-", b"+", b"20")
        for _ in range(count if pending else 0):
            self._run(b"XCLAIM", writes, GROUP, _SOMEBODY, b"0", *(entry_id for entry_id, *_ in pending))
        return len(pending or ())

    def rename(self) -> bool:
        """Give a write stream another name. Return whether there was one."""
        self.forgotten()
        self._renamed = self._next().writes.encode()
        return self._run(b"RENAME", self._renamed, self._renamed + _ASIDE) is not None

    def rename_back(self) -> bool:
        """Give the write stream its name again, if the stream that has it now is empty, and return whether it is. Else
        entries would be gone while their operations stay, as after a deletion by hand (docs/promises.md)."""
        if self._run(b"XLEN", self._renamed):
            return False
        self._run(b"RENAME", self._renamed + _ASIDE, self._renamed)
        return True

    def forgotten(self) -> None:
        """Note what the services themselves have on the streams before the queue loses data."""
        for partition in self._partitions:
            entries = self._run(b"XRANGE", partition.writes.encode(), b"-", b"+") or ()
            self.heartbeats += sum(b"heartbeats" in fields for _, fields in entries)

    def refused(self, entities: Iterable[str]) -> None:
        """Note that the database refuses every change of these entities."""
        self._record(Refused(self._now(), tuple(entities)))

    def _add(self, fields: Fields, kind: str, *, bad: bool, stream: str = "", entry_id: str = "*") -> None:
        words = [word for name, value in fields.items() for word in (name.encode(), value)]
        stream = stream or self._of(tuple(words)).writes
        added = self._run(b"XADD", stream.encode(), entry_id.encode(), *words)
        if added is None:
            return
        operation = _text(fields, "operation_id") or _text(fields, "original.operation_id")
        entity = _text(fields, "entity_id")
        if bad:
            self._bad.add(operation.encode())
        self._record(Planted(self._now(), kind, bad, operation, entity, added.decode()))

    def _next(self) -> Partition:
        """Return the kinds in turn."""
        self._turn += 1
        return self._partitions[self._turn % len(self._partitions)]

    def _of(self, words: Sequence[bytes]) -> Partition:
        """Return the entity's id if these fields name one."""
        entity = dict(zip(words[::2], words[1::2], strict=True)).get(b"entity_id", b"")
        return self._partitions.of(entity.decode("utf-8", "replace"))


def _text(fields: Fields, name: str) -> str:
    return fields.get(name, b"").decode("utf-8", "replace")


def _value(name: str, chance: Random) -> bytes:
    """Return a value, which is valid half of the time."""
    if name != "operation_id" and chance.random() < 0.5:
        return chance.choice((b"", b"0", b"-1", b"nan", b"9" * 40, b"\x00\xff", b"{}", b"null", chance.randbytes(20)))
    return {
        "schema": b"2", "resource": b"users", "command": b"CreateUser", "version": b"1800000000000000",
        "payload": b'{"name": "junk", "email": "junk@example.com"}',
        "operation_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)).encode(),
        "entity_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)).encode(),
    }.get(name, b"1")  # fmt: skip
