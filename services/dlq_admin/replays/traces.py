"""Traces: where the entries of a replay are now, if no row records how they ended.

An entry leaves the write stream after the row of its operation is committed, or moves to the dead-letter stream in the
same step; a letter leaves that stream after its row is committed. So an entry that is found on neither stream, read in
this order, and then in no table, was removed by something else.
"""

from collections.abc import Collection, Sequence

from redis.asyncio import Redis

from holdfast.shared.connections.redis import entries as entries_of
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.letter import Letter, read
from holdfast.shared.queue.asking import ask_each
from holdfast.shared.queue.names import LUA
from holdfast.shared.queue.page import page_size
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.writes import versions

_PAGE = 200


class Traces:
    """Finds the entries of replays in one queue."""

    def __init__(self, redis: Redis, partitions: Partitions) -> None:
        self._redis = redis
        self._partitions = partitions
        self._present = Script(redis, LUA / "present.lua")

    async def gone(self, entries: Sequence[str]) -> list[bool]:
        """Return for each entry whether it is no longer on a write stream. An entry counts as present while its
        partition does not answer. Raises like a Script if no partition answers."""
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
        """Return the number of the partition that gave this id (clock.lua)."""
        return versions.from_stream_id(entry) % len(self._partitions)

    async def buried(self, entries: Collection[str]) -> dict[str, Letter]:
        """Return entry -> its dead letter, for letters that are not in the table yet. Raises RedisError, OSError if the
        partition of one of the entries is down."""
        wanted = set(entries)
        answers = await ask_each(self._partitions, lambda each: self._buried(each.dead, wanted))
        if answers.away and {partition.number for partition in answers.away} & set(map(self._number, wanted)):
            answers.complete()
        return {entry: letter for found in answers.of.values() for entry, letter in found.items()}

    async def _buried(self, stream: str, wanted: set[str]) -> dict[str, Letter]:
        found, start = dict[str, Letter](), "-"
        while wanted and (letters := entries_of(await self._redis.xrange(stream, start, count=page_size(_PAGE)))):
            for letter_id, fields in letters:
                entry = fields.get(b"entry_id", b"").decode("ascii", "replace")
                if entry not in wanted:
                    continue
                try:
                    found[entry] = read(letter_id, fields)
                except ValueError:  # a stream never makes such an id: the letter is not of this entry
                    continue
            start = f"({letters[-1][0]}"
        return found
