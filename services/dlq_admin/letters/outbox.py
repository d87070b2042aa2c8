"""Dues: what operators decided reaches the queue: a discarded write claims no unique value, a restored one does."""

import asyncio

from redis.asyncio import Redis

from holdfast.services.dlq_admin.database import Database
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.decide import outbox as dues
from holdfast.shared.letters.decide.outbox import Due
from holdfast.shared.letters.state import State
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.queue.entities import claims_of, holder
from holdfast.shared.queue.names import LUA, PREFIX, WRITES
from holdfast.shared.resilience.supervise import iteration_succeeded

_PAGE = 500
_EVERY_S = 5.0


class Dues:
    """Any replica pays what any replica owes; paying twice changes nothing."""

    def __init__(self, redis: Redis, database: Database) -> None:
        self._script = Script(redis, LUA / "reservations.lua")
        self._database = database
        self._wake = asyncio.Event()

    def hurry(self) -> None:
        """Something was decided just now."""
        self._wake.set()

    async def run(self) -> None:
        """For ever."""
        while True:
            while await self.pay():
                pass
            iteration_succeeded()
            self._wake.clear()
            try:
                async with asyncio.timeout(_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def pay(self) -> int:
        """Some of what is owed; how much that was."""
        owed = await self._database.work(dues.owed, _PAGE)
        arguments = [value for due in owed for value in _arguments(due)]
        if arguments:
            await self._script([WRITES], [PREFIX, *arguments])
        if owed:
            await self._database.work(dues.paid, owed)
        return len(owed)


def _arguments(due: Due) -> list[str | int]:
    """For the script; none for a write that claims nothing."""
    try:
        write = decode(due.body.original)
    except Undecodable:
        return []
    if due.state not in (State.DEAD, State.DISCARDED):
        return []
    return ["release" if due.state is State.DISCARDED else "reserve", holder(write), *claims_of(write)]
