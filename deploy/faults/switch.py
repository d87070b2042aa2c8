"""Switch: the faults in force, and waits that end when they change. For one event loop."""

import asyncio
import contextlib
from functools import cached_property

from deploy.faults.client import client_of
from deploy.faults.faults import Faults, LoseReply

_NO_FAULTS = Faults()


class Switch:
    """The state that all connections of one proxy share."""

    def __init__(self) -> None:
        self.faults = Faults()
        #: Counts the changes, so that counts since the last change can start again.
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


class OneClient:
    """The switch as the connections of one client see it."""

    def __init__(self, switch: Switch, peer: tuple[str, int] | None) -> None:
        self._switch = switch
        self._peer = peer

    @cached_property
    def name(self) -> str:
        """The client's name, looked up on demand: that takes milliseconds."""
        return client_of(self._peer)

    @property
    def faults(self) -> Faults:
        """Those in force that affect this client."""
        faults = self._switch.faults
        return faults if faults.clients is None or faults.meet(self.name) else _NO_FAULTS

    @property
    def generation(self) -> int:
        """Counts the changes."""
        return self._switch.generation

    async def change(self, within_s: float | None = None) -> None:
        """Wait for the next change, or so long."""
        await self._switch.change(within_s)

    def loses(self, command: LoseReply) -> bool:
        """Whether the reply to the matching command that is just going out is to be lost."""
        return self._switch.loses(command)

    def lost(self) -> None:
        """Count a reply that was."""
        self._switch.lost_replies += 1
