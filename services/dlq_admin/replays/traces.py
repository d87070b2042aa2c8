"""Traces: where the entries of a replay are now, when no row says how they ended.

An entry leaves the write stream after the row of its operation is committed, or moves to the dead-letter stream in the
same step; a letter leaves that stream after its row is committed. So an entry that is on neither stream, looked at in
this order, and then in no table, was taken away by something else.
"""

from collections.abc import Collection, Sequence

from redis.asyncio import Redis

from holdfast.shared.connections.redis import entries as entries_of
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.letter import Letter, read
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.page import page
from holdfast.shared.queue.partitions import ONE, Partitions

_PAGE = 200


class Traces:
    """In one queue."""

    def __init__(self, redis: Redis, partitions: Partitions = ONE) -> None:
        self._redis = redis
        self._partitions = partitions
        self._present = Script(redis, LUA / "present.lua")

    async def gone(self, entries: Sequence[str]) -> list[bool]:
        """Whether each is no longer on a write stream. Raises like a Script."""
        gone = [True] * len(entries)
        for partition in self._partitions if entries else ():
            found = await self._present([partition.writes], entries)
            gone = [before and not here for before, here in zip(gone, found, strict=True)]
        return gone

    async def buried(self, entries: Collection[str]) -> dict[str, Letter]:
        """Entry -> its dead letter, of those whose letters are not in the table yet. Raises RedisError, OSError."""
        wanted, found = set(entries), dict[str, Letter]()
        for partition in self._partitions:
            found |= await self._buried(partition.dead, wanted)
        return found

    async def _buried(self, stream: str, wanted: set[str]) -> dict[str, Letter]:
        found, start = dict[str, Letter](), "-"
        while wanted and (letters := entries_of(await self._redis.xrange(stream, start, count=page(_PAGE)))):
            for letter_id, fields in letters:
                entry = fields.get(b"entry_id", b"").decode("ascii", "replace")
                if entry not in wanted:
                    continue
                try:
                    found[entry] = read(letter_id, fields)
                except ValueError:  # an id that no stream gives by itself: not of this entry
                    continue
            start = f"({letters[-1][0]}"
        return found
