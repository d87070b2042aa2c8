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
from holdfast.shared.queue.asking import ask_each
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.page import page
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.writes import versions

_PAGE = 200


class Traces:
    """In one queue."""

    def __init__(self, redis: Redis, partitions: Partitions) -> None:
        self._redis = redis
        self._partitions = partitions
        self._present = Script(redis, LUA / "present.lua")

    async def gone(self, entries: Sequence[str]) -> list[bool]:
        """Whether each is no longer on a write stream, as far as its partition answers. Raises like a Script when none
        does."""
        if not entries:
            return []
        answers = await ask_each(self._partitions, lambda each: self._present([each.writes], entries))
        found = (answers.of or answers.complete()).values()
        away = {partition.number for partition in answers.away}
        return [
            not any(here) and not (away and self._number(entry) in away)
            for entry, *here in zip(entries, *found, strict=True)
        ]

    def _number(self, entry: str) -> int:
        """Of the partition that gave this id (clock.lua)."""
        return versions.from_stream_id(entry) % len(self._partitions)

    async def buried(self, entries: Collection[str]) -> dict[str, Letter]:
        """Entry -> its dead letter, of those whose letters are not in the table yet. Raises RedisError, OSError when
        the partition of one of them is away."""
        wanted = set(entries)
        answers = await ask_each(self._partitions, lambda each: self._buried(each.dead, wanted))
        if answers.away and {partition.number for partition in answers.away} & set(map(self._number, wanted)):
            answers.complete()
        return {entry: letter for found in answers.of.values() for entry, letter in found.items()}

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
