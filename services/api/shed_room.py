"""Room: the requests of one lane that are under way, and those that wait for their turn, for a moment and in order."""

import asyncio
import time
from collections import deque
from contextlib import suppress

from prometheus_client import Gauge

from holdfast.services.api.shed_limit import Limit

_WAIT_S = 0.1


class Room:
    """Of one event loop. Ask `full`, then either `enter` or wait until the `turn_came`; then `leave`, or `ended`."""

    def __init__(self, limit: Limit, gauge: Gauge) -> None:
        self.limit = limit
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._gauge = gauge
        self._shown = 0
        self._show()

    @property
    def full(self) -> bool:
        """Whether who comes now has to wait."""
        return self.in_flight >= self.limit.value or bool(self._waiting)

    async def turn_came(self) -> bool:
        """Wait for room, in order of arrival. False: it took too long, or too many wait already."""
        if len(self._waiting) >= self.limit.value:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(_WAIT_S):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came together with the end of the waiting
            else:
                with suppress(ValueError):  # `leave` may have come across it already
                    self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def enter(self) -> None:
        """Somebody starts who did not have to wait."""
        self.in_flight += 1

    def leave(self) -> None:
        """Somebody is done."""
        self.in_flight -= 1
        while self._waiting and self.in_flight < self.limit.value:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    def ended(self, began: float) -> None:
        """Somebody is done who began then, on the monotonic clock; how long it took says something of the limit."""
        now = time.monotonic()
        self.limit.ended(now - began, self.in_flight, now)
        self.leave()
        if self.limit.value != self._shown:
            self._show()

    def _show(self) -> None:
        self._shown = self.limit.value
        self._gauge.set(self._shown)
