"""Copies: what is kept of a user, or of a page of users, and how old it may get."""

import random
import time
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics
from shared.breaker.breaker import Breaker
from shared.breaker.policy import STORE_OPEN_MAX_S, Policy
from shared.breaker.refused import CallRefused
from shared.merge import User

_PREFIX = "holdfast:cache:"
_SCRIPT = (Path(__file__).parent / "put.lua").read_text()

#: Lifetimes differ by up to this share, so that copies made together do not go together.
_JITTER = 0.1


def cache_breaker(timeout_s: float) -> Breaker:
    """For the cache Redis. No ramp: what it refuses costs the database nothing."""
    return Breaker("cache", Policy(attempt_timeout_s=timeout_s, open_max_s=STORE_OPEN_MAX_S, ramp_s=0))


class Copy(NamedTuple):
    """Users as they were at `as_of`, in Unix seconds. One user, or the users of a page."""

    users: tuple[User, ...]
    as_of: float

    @property
    def age_s(self) -> float:
        """How old it is."""
        return max(0.0, time.time() - self.as_of)


class Copies:
    """Copies in the cache Redis, and the latest of them in this process in case that is away too."""

    def __init__(self, redis: Redis, breaker: Breaker, *, hard_s: float, in_process_max: int) -> None:
        self._put = redis.register_script(_SCRIPT)
        self._redis = redis
        self._breaker = breaker
        self._hard_s = hard_s
        self._in_process_max = in_process_max
        self._latest: OrderedDict[str, Copy] = OrderedDict()

    async def get(self, name: str) -> Copy | None:
        """The copy under `name`, if there is one that is not past its lifetime. Never raises."""
        try:
            value = await self._breaker.call_async(self._redis.get, _PREFIX + name)
        except (RedisError, OSError, CallRefused):
            metrics.cache_requests.labels("error").inc()
            value = None
        if value is not None:
            metrics.cache_requests.labels("hit").inc()
            return _decoded(value)
        latest = self._latest.get(name)
        if latest is None or latest.age_s > self._hard_s:
            metrics.cache_requests.labels("miss").inc()
            return None
        metrics.cache_requests.labels("in_process").inc()
        return latest

    async def put(self, copies: Iterable[tuple[str, Copy]]) -> None:
        """Keep copies under their names, unless newer ones are there. Never raises."""
        keys: list[str] = []
        arguments: list[bytes | int] = []
        offered = list(copies)
        for name, copy in offered:
            keys.append(_PREFIX + name)
            lifetime_s = self._hard_s * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter, not a secret
            arguments += [_encoded(copy), int(lifetime_s * 1000)]
        if not keys:
            return
        try:
            await self._breaker.call_async(self._put, keys=keys, args=arguments)
        except (RedisError, OSError, CallRefused):
            metrics.cache_requests.labels("error").inc()
        finally:
            for name, copy in offered:
                self.remember(name, copy)

    def has_as_good(self, name: str, copy: Copy, soft_s: float) -> bool:
        """Whether this process has put the same state there within about `soft_s`."""
        known = self._latest.get(name)
        if known is None or known.users != copy.users:
            return False
        return copy.as_of - known.as_of < soft_s * random.uniform(1 - _JITTER, 1)  # noqa: S311 - jitter, not a secret

    def remember(self, name: str, copy: Copy) -> None:
        """Keep a copy in this process, unless a newer one is there."""
        known = self._latest.get(name)
        if known is None or _version(known) <= _version(copy):
            self._latest[name] = copy
            self._latest.move_to_end(name)
        if len(self._latest) > self._in_process_max:
            self._latest.popitem(last=False)


def _version(copy: Copy) -> int:
    """A user's own version; of a page, the newest in it, or its time when it is empty."""
    return max((user.version for user in copy.users), default=int(copy.as_of * 1_000_000))


def _encoded(copy: Copy) -> bytes:
    return orjson.dumps([_version(copy), copy.as_of, [list(user) for user in copy.users]])


def _decoded(value: bytes | str) -> Copy:
    _, as_of, users = orjson.loads(value)
    return Copy(tuple(User(*user) for user in users), as_of)
