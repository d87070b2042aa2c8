"""Outbox: reports operators' decisions to the queue: a discarded write no longer claims its unique values, a restored
one does."""

import asyncio
from contextlib import suppress

from redis.asyncio import Redis

from holdfast.services.dlq_admin.database import Database
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.decide import outbox
from holdfast.shared.letters.decide.outbox import OutboxEntry
from holdfast.shared.letters.state import State
from holdfast.shared.queue.claims import Change, Claims
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.queue.entities import holder, listed
from holdfast.shared.queue.names import LUA, PREFIX
from holdfast.shared.queue.partitions import QUEUE, Partitions
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.writes.commands import Write

_PAGE = 500
_EVERY_S = 5.0


class Outbox:
    """Delivers entries of the outbox, whichever replica wrote them. A second delivery changes nothing."""

    def __init__(self, redis: Redis, database: Database, replicas: Replicas | None, partitions: Partitions) -> None:
        self._claims = Claims(redis, partitions, replicas) if len(partitions) > 1 else None
        self._script = Script(redis, LUA / "reservations.lua", replicas)
        self._database = database
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Deliver at once, because a decision was just made."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver entries until cancelled."""
        while True:
            while await self.deliver():
                pass
            iteration_succeeded()
            self._wake.clear()
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def deliver(self) -> int:
        """Deliver a page of entries, and return how many it had."""
        entries = await self._database.work(outbox.pending, _PAGE)
        if self._claims is not None:
            await self._claims.change(change for entry in entries for change in _changes(entry))
            if entries:
                await self._database.work(outbox.delivered, entries)
            return len(entries)
        keys, arguments = list[str](), list[str | int]()
        for act, write in filter(None, map(_decided, entries)):
            claims = listed(write.claims)
            keys += QUEUE.kept("", "", claims)
            arguments += [act, holder(write), *claims]
        if arguments:
            await self._script(keys, [PREFIX, *arguments])
        if entries:
            await self._database.work(outbox.delivered, entries)
        return len(entries)


def _changes(entry: OutboxEntry) -> list[Change]:
    """Return an entry's changes of claims, for a queue with several partitions."""
    if (decided := _decided(entry)) is None:
        return []
    act, write = decided
    return [Change(act, 0, write.entity_id, write.operation_id, value) for value in write.claims]


def _decided(entry: OutboxEntry) -> tuple[str, Write] | None:
    """Return what becomes of the claims of an entry's write, and the write; None if it cannot be decoded or is neither
    dead nor discarded."""
    act = {State.DISCARDED: "release", State.DEAD: "reserve"}.get(entry.state)
    with suppress(Undecodable):
        return (act, decode(entry.body.original)) if act else None
    return None
