"""Snapshot: the queue's side of the ledger as of one moment."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from holdfast.shared.connections.redis import entries, text
from holdfast.shared.queue.codec import raw_text
from holdfast.shared.queue.names import DEAD, LEDGER, WRITES
from holdfast.shared.queue.page import page
from holdfast.shared.writes import versions

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts as of `cut`, the id of the newest entry, and `dead_cut`, the id of the newest dead letter."""

    cut: str
    dead_cut: str
    entries: int
    duplicates: int
    replayed: int


async def snapshot(redis: Redis) -> Snapshot:
    """All counts in one transaction. A queue that was never used gives zeros."""
    pipeline = redis.pipeline(transaction=True)
    pipeline.xinfo_stream(WRITES)
    pipeline.xinfo_stream(DEAD)
    pipeline.hgetall(LEDGER)
    stream, dead, kept = await pipeline.execute(raise_on_error=False)
    if isinstance(kept, Exception):
        raise kept
    return Snapshot(
        cut=text(_of(stream, "last-generated-id", "0-0")),
        dead_cut=text(_of(dead, "last-generated-id", "0-0")),
        entries=int(_of(stream, "entries-added", 0)),
        duplicates=int(kept.get(b"duplicates", 0)),
        replayed=int(kept.get(b"replayed", 0)),
    )


def _of(info: Any, name: str, absent: object) -> Any:
    """From what Redis tells of a stream; there is none before its first entry."""
    if isinstance(info, ResponseError) and "no such key" in str(info):
        return absent
    if isinstance(info, Exception):
        raise info
    return info[name]


async def letters_on_stream(redis: Redis, dead_cut: str) -> AsyncIterator[list[tuple[str, str]]]:
    """(letter id, id of the entry it is of, '' for none) of the dead letters up to `dead_cut` that are still on their
    stream, page by page."""
    start = "-"
    while found := entries(await redis.xrange(DEAD, start, dead_cut, count=page(_PAGE))):
        yield [(letter_id, raw_text(fields, b"entry_id")) for letter_id, fields in found]
        start = f"({found[-1][0]}"


async def may_return(redis: Redis) -> tuple[int | None, int]:
    """(version of the oldest entry on the write stream, if there is one; dead letters that no table has yet)."""
    pipeline = redis.pipeline(transaction=True)
    pipeline.xrange(WRITES, count=1)
    pipeline.xlen(DEAD)
    first, dead = await pipeline.execute()
    return (versions.from_stream_id(text(first[0][0])) if first else None), int(dead)


async def backlog(redis: Redis, cut: str) -> AsyncIterator[list[tuple[str, str]]]:
    """(entry id, operation id) of what is on the write stream up to `cut`, page by page."""
    start = "-"
    while found := entries(await redis.xrange(WRITES, start, cut, count=page(_PAGE))):
        yield [(entry_id, raw_text(fields, b"operation_id")) for entry_id, fields in found]
        start = f"({found[-1][0]}"
