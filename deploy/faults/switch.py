"""Switch: the faults in force, and waits that end when they change. For one event loop."""

import asyncio
import contextlib

from deploy.faults.faults import Faults, LoseReply


class Switch:
    """What all connections of one proxy look at."""

    def __init__(self) -> None:
        self.faults = Faults()
        #: Counts the changes, so that what is counted from the last one on can start anew.
        self.generation = 0
        #: Replies that were lost since the last change.
        self.lost_replies = 0
        self._changed = asyncio.Event()
        self._matches = 0

    def set(self, faults: Faults) -> None:
        """In force from now on."""
        self.faults = faults
        self.generation += 1
        self._matches = self.lost_replies = 0
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self, within_s: float | None = None) -> None:
        """Wait for the next change, or so long."""
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await changed.wait()

    def loses(self, command: LoseReply) -> bool:
        """Whether the reply to the matching command that is just going out is to be lost."""
        self._matches += 1
        return command.nth <= self._matches < command.nth + command.times
