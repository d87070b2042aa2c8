"""Last good: keeps the last good answer of a dependency, in this process and in the cache Redis, so that a replica that
has just started, or has not called the dependency yet, has it too. No request waits for Redis, which is synchronised in
the background."""

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
    """An answer to a question asked at `as_of`, in Unix seconds: its JSON, byte for byte."""

    raw: bytes
    as_of: float


class LastGood:
    """The last good answer to one question, `name`. Never older than `hard_s`."""

    def __init__(self, redis: Redis, name: str, *, hard_s: float) -> None:
        self._redis = redis
        self._key = _PREFIX + name
        self._hard_s = hard_s
        self._reporter = FailureReporter("last_good")
        self._kept: Kept | None = None
        self._theirs: Kept | None = None
        self._seen: bytes | str | None = None

    def keep(self, raw: bytes, asked_at: float) -> None:
        """Keep a good answer to the question asked at `asked_at`. An answer that was delayed may be older than the kept
        one, and is ignored then."""
        self._kept = _later(Kept(raw, asked_at), self._kept)

    def get(self, max_age_s: float) -> Kept | None:
        """Return the latest answer, or None if it is older than `max_age_s` or `hard_s`."""
        kept = self._kept
        return kept if kept and time.time() - kept.as_of <= min(max_age_s, self._hard_s) else None

    async def sync(self) -> None:
        """Exchange answers with Redis: the newer one is kept on both sides. Never raises."""
        try:
            with self._reporter:
                await self._sync()
        except (RedisError, OSError):
            metrics.cache_requests.labels("error").inc()

    async def _sync(self) -> None:
        value = await self._redis.get(self._key)
        if value != self._seen:  # values may be large, and seldom change
            self._seen, self._theirs = value, _decoded(value)
        self._kept = latest = _later(self._theirs, self._kept)
        if latest is not None and latest is not self._theirs:
            lifetime_ms = int((self._hard_s - (time.time() - latest.as_of)) * 1000)
            if lifetime_ms > 0:
                await self._redis.set(self._key, _encoded(latest), px=lifetime_ms)

    async def run(self) -> None:
        """Synchronise every second until cancelled."""
        while True:
            await self.sync()
            await asyncio.sleep(_EVERY_S)


def _later(one: Kept | None, other: Kept | None) -> Kept | None:
    """Return the answer to the later question, or `one` if both are as old. A question from the future counts as the
    earlier one: it was asked before the clock stepped back."""
    if one is None or other is None:
        return one or other
    now_s = time.time()
    return max(one, other, key=lambda kept: (kept.as_of <= now_s, kept.as_of))


def _encoded(kept: Kept) -> bytes:
    """Return a JSON array of time and answer. The answer's JSON is copied unchanged."""
    return b"[%s,%s]" % (repr(kept.as_of).encode(), kept.raw)


def _decoded(value: bytes | str | None) -> Kept | None:
    """Return the kept answer, or None for no value or a value of another form."""
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
