"""Last good: the last good answer of a dependency, in this process and in the cache Redis, so that a replica that was
just started, or has not been asked yet, has it too. Nobody waits for Redis, which is brought up to date beside the
work."""

import asyncio
import time
from math import isfinite
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.http.json_bytes import DEPTH_MAX, parsed
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.telemetry import metrics

_PREFIX = "holdfast:cache:last_good:"
_EVERY_S = 1.0


class Kept(NamedTuple):
    """An answer to what was asked at `as_of`, in Unix seconds: its JSON, byte for byte."""

    raw: bytes
    as_of: float


class LastGood:
    """Of one question, `name`. Never older than `hard_s`."""

    def __init__(self, redis: Redis, name: str, *, hard_s: float) -> None:
        self._redis = redis
        self._key = _PREFIX + name
        self._hard_s = hard_s
        self._reporter = FailureReporter("last_good")
        self._kept: Kept | None = None
        self._theirs: Kept | None = None
        self._seen: bytes | str | None = None

    def keep(self, raw: bytes, asked_at: float) -> None:
        """A good answer came to what was asked then. One that was long on its way may be older than what is kept,
        unless the clock was put back meanwhile."""
        kept = self._kept
        if kept is None or not asked_at < kept.as_of <= time.time():
            self._kept = Kept(raw, asked_at)

    def get(self, max_age_s: float) -> Kept | None:
        """The latest, unless it is older than `max_age_s` or `hard_s`."""
        kept = self._kept
        return kept if kept and time.time() - kept.as_of <= min(max_age_s, self._hard_s) else None

    async def sync(self) -> None:
        """Take what is newer in Redis, and give it what is newer here. Never raises."""
        try:
            with self._reporter:
                await self._sync()
        except (RedisError, OSError):
            metrics.cache_requests.labels("error").inc()

    async def _sync(self) -> None:
        value = await self._redis.get(self._key)
        if value != self._seen:  # they may be large, and are seldom new
            self._seen, self._theirs = value, _decoded(value)
        theirs, ours = self._theirs, self._kept
        if theirs is not None and (ours is None or theirs.as_of > ours.as_of):
            self._kept = theirs
        elif ours is not None and (theirs is None or theirs.as_of < ours.as_of):
            lifetime_ms = int((self._hard_s - (time.time() - ours.as_of)) * 1000)
            if lifetime_ms > 0:
                await self._redis.set(self._key, _encoded(ours), px=lifetime_ms)

    async def run(self) -> None:
        """`sync`, for ever."""
        while True:
            await self.sync()
            await asyncio.sleep(_EVERY_S)


def _encoded(kept: Kept) -> bytes:
    """A JSON array of both, without making other JSON of the answer."""
    return b"[%s,%s]" % (repr(kept.as_of).encode(), kept.raw)


def _decoded(value: bytes | str | None) -> Kept | None:
    """None also for what is not one of ours."""
    text = value.encode() if isinstance(value, str) else value or b""
    as_of, comma, raw = text.removeprefix(b"[").partition(b",")
    raw = raw.removesuffix(b"]")
    try:
        if not comma or text != b"[" + as_of + comma + raw + b"]":
            return None
        parsed(raw, DEPTH_MAX)
        at = float(as_of)
        return Kept(raw, min(at, time.time())) if isfinite(at) else None
    except ValueError:
        return None
