"""Room: how many the stand-in works for at once."""

import asyncio


class Room:
    """`at_once` None: for everybody. Otherwise who comes later waits, in order; and what was begun or waits is worked
    off though nobody waits for it any more, as most servers do it. That is what makes retries dangerous."""

    def __init__(self, at_once: int | None) -> None:
        self._gate = asyncio.Semaphore(at_once) if at_once else None
        self._work: set[asyncio.Task[None]] = set()

    async def work(self, seconds: float) -> None:
        """For one arrival."""
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
