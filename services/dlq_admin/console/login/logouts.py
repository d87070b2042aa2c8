"""Log-outs: sessions that were ended early. Otherwise, their signed cookies would stay valid.

| key                          | type   | holds                                              |
|------------------------------|--------|----------------------------------------------------|
| `holdfast:logged_out:<nonce>`| string | exists until the session would have ended anyway   |

The keys are in the cache Redis, which all replicas read. While the cache Redis is down, a replica knows only its own
log-outs, and shares them as soon as it can.
"""

import asyncio
import time
from math import ceil
from typing import Never

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.dlq_admin.console.login.session import Session
from holdfast.shared.resilience.failure_reporter import FailureReporter

_KEY = "holdfast:logged_out:"
_EVERY_S = 1.0


class Logouts:
    """Remembers log-outs, in this process and in the cache."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._asking, self._sharing = FailureReporter("logouts_asked"), FailureReporter("logouts")
        #: Nonce -> when the session would have ended (Unix time).
        self._here: dict[str, int] = {}
        self._unshared: set[str] = set()

    async def add(self, session: Session) -> None:
        """Record that `session` is over."""
        self._here[session.nonce] = session.ends_at
        self._unshared.add(session.nonce)
        await self._share()

    async def has(self, session: Session) -> bool:
        """Return whether the session was logged out. If the cache is down, only this replica's log-outs count:
        operators need the console most at that time, and a session ends by itself."""
        if session.nonce in self._here:
            return True
        try:
            with self._asking:
                return bool(await self._cache.exists(_KEY + session.nonce))
        except (RedisError, OSError):
            return False

    async def run(self) -> Never:
        """Until cancelled, write log-outs that the cache lacks, and forget expired ones."""
        while True:
            await asyncio.sleep(_EVERY_S)
            now = time.time()
            self._here = {nonce: ends_at for nonce, ends_at in self._here.items() if ends_at > now}
            self._unshared &= self._here.keys()
            await self._share()

    async def _share(self) -> None:
        for nonce in [*self._unshared]:
            left_s = max(1, ceil(self._here[nonce] - time.time()))
            try:
                with self._sharing:
                    await self._cache.set(_KEY + nonce, "1", ex=left_s)
            except (RedisError, OSError):
                return
            self._unshared.discard(nonce)
