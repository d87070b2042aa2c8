"""Shed room: counts the requests of one lane that are in flight, and lets others wait for their turn, briefly and in
order of arrival."""

import asyncio
import time
from collections import deque
from contextlib import suppress

from prometheus_client import Gauge

from holdfast.services.api.shed_limit import Limit

_WAIT_S = 0.1


class Room:
    """The room of one lane in one event loop. If it is `full`, await `turn_came`; otherwise `enter`. Then call `leave`
    or `ended`."""

    def __init__(self, limit: Limit, gauge: Gauge) -> None:
        self.limit = limit
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._gauge = gauge
        self._shown = 0
        self._show()

    @property
    def full(self) -> bool:
        """Whether a request that arrives now has to wait."""
        return self.in_flight >= self.limit.value or bool(self._waiting)

    async def turn_came(self) -> bool:
        """Wait for room, in order of arrival. Return False if that took too long, or too many requests wait already."""
        if len(self._waiting) >= self.limit.value:
            return False
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(_WAIT_S):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # the turn came at the moment when the wait ended
            else:
                with suppress(ValueError):  # `leave` may have removed it already
                    self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def enter(self) -> None:
        """Count a request that starts without having to wait."""
        self.in_flight += 1

    def leave(self) -> None:
        """Count a request that is done, and let waiting ones start."""
        self.in_flight -= 1
        while self._waiting and self.in_flight < self.limit.value:
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    def ended(self, began: float) -> None:
        """Leave for a request that began at `began` on the monotonic clock, and adjust the limit by its duration."""
        now = time.monotonic()
        self.limit.ended(now - began, self.in_flight, now)
        self.leave()
        if self.limit.value != self._shown:
            self._show()

    def _show(self) -> None:
        self._shown = self.limit.value
        self._gauge.set(self._shown)
