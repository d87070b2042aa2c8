"""Dues: the queue is told what operators decided: a discarded write's address is free, a restored one's is not."""

import asyncio

from redis.asyncio import Redis

from holdfast.services.dlq_admin.database import Database
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.decide import outbox as dues
from holdfast.shared.letters.decide.outbox import Due
from holdfast.shared.letters.state import State
from holdfast.shared.queue.codec import Undecodable, decode
from holdfast.shared.queue.names import EMAILS, LUA
from holdfast.shared.resilience.supervise import iteration_succeeded
from holdfast.shared.writes.commands import changes, email_key

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
        arguments = [value for due in owed for value in _claim(due)]
        if arguments:
            await self._script([EMAILS], arguments)
        if owed:
            await self._database.work(dues.paid, owed)
        return len(owed)


def _claim(due: Due) -> tuple[str, ...]:
    """What the script is told; nothing for a write that claims no address."""
    try:
        write = decode(due.body.original)
    except Undecodable:
        return ()
    _, email = changes(write.command)
    if not email or due.state not in (State.DEAD, State.DISCARDED):
        return ()
    action = "release" if due.state is State.DISCARDED else "reserve"
    return action, email_key(email), f"{write.user_id} {write.operation_id}"
