"""Room: how many requests the stand-in handles at once."""

import asyncio


class Room:
    """`at_once` None: no limit. Otherwise later requests wait, in order; and requests whose client has left are worked
    off all the same, as by most servers. That is what makes retries dangerous."""

    def __init__(self, at_once: int | None) -> None:
        self._gate = asyncio.Semaphore(at_once) if at_once else None
        self._work: set[asyncio.Task[None]] = set()

    async def work(self, seconds: float) -> None:
        """For one request."""
        if self._gate is None:
            await asyncio.sleep(seconds)
            return
        task = asyncio.get_running_loop().create_task(self._in_turn(self._gate, seconds))
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        await asyncio.shield(task)

    @staticmethod
    async def _in_turn(gate: asyncio.Semaphore, seconds: float) -> None:
        async with gate:
            await asyncio.sleep(seconds)
