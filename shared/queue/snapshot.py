"""Snapshot: the queue's side of the ledger as of one moment."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.queue.codec import raw_text
from shared.queue.connection import entries, text
from shared.queue.names import DEAD, LEDGER, WRITES

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counts as of `cut`, the id of the newest entry."""

    cut: str
    entries: int
    dead_letters: int
    duplicates: int
    replayed: int


async def snapshot(redis: Redis) -> Snapshot:
    """All counts in one transaction. A queue that was never used gives zeros."""
    pipeline = redis.pipeline(transaction=True)
    pipeline.xinfo_stream(WRITES)
    pipeline.xlen(DEAD)
    pipeline.hgetall(LEDGER)
    try:
        stream, dead_letters, kept = await pipeline.execute()
    except ResponseError as error:
        if "no such key" not in str(error):
            raise
        return Snapshot("0-0", 0, 0, 0, 0)
    return Snapshot(
        cut=text(stream["last-generated-id"]),
        entries=int(stream["entries-added"]),
        dead_letters=dead_letters,
        duplicates=int(kept.get(b"duplicates", 0)),
        replayed=int(kept.get(b"replayed", 0)),
    )


async def backlog(redis: Redis, cut: str) -> AsyncIterator[list[tuple[str, str]]]:
    """(entry id, operation id) of what is on the write stream up to `cut`, page by page."""
    start = "-"
    while page := entries(await redis.xrange(WRITES, start, cut, count=_PAGE)):
        yield [(entry_id, raw_text(fields, b"operation_id")) for entry_id, fields in page]
        start = f"({page[-1][0]}"
