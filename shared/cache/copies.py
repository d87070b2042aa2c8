"""Copies: keeps copies of entities and of pages of entities, in the cache Redis and in this process, up to a maximum
age."""

import random
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.shared.cache.form import Copy, EntityCopy, Listed, PageCopy, decoded, encoded, entity_name, later
from holdfast.shared.connections.cluster import in_one_slot
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import STORE_OPEN_MAX_S
from holdfast.shared.telemetry import metrics
from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.merge import Entity

_PREFIX = "holdfast:cache:"

#: Lifetimes differ by up to this share, so that copies made together do not expire together.
JITTER = 0.1

_AWAY = (RedisError, OSError, NotSent, CallRefused)


def cache_breaker(timeout_s: float) -> Breaker:
    """Return the breaker of the cache Redis. It has no ramp, because its refusals cost the database nothing."""
    return Breaker("cache", Policy(attempt_timeout_s=timeout_s, open_max_s=STORE_OPEN_MAX_S, probes=1, ramp_s=0))


class Page(NamedTuple):
    """A page's copy in the form that is shown: its entities that are not deleted, in the newest state known."""

    entities: list[Entity]
    listed: tuple[Listed, ...]
    as_of: float


class Copies:
    """Copies in the cache Redis, and the newest of them in this process in case the cache is away too."""

    def __init__(self, redis: Redis, breaker: Breaker, *, hard_s: float, in_process_max: int) -> None:
        self._put = Script(redis, Path(__file__).parent / "put.lua")
        self._redis = redis
        self._breaker = breaker
        self._hard_s = hard_s
        self._looking, self._putting = FailureReporter("copies_read"), FailureReporter("copies_written")
        self._in_process_max = in_process_max
        self._latest: OrderedDict[str, Copy] = OrderedDict()

    async def entities(self, entities: Sequence[Ref]) -> dict[Ref, EntityCopy | None]:
        """Return the copies of entities, in one round trip. Never raises."""
        looked = await self.several([entity_name(entity) for entity in entities])
        return {
            entity: copy if isinstance(copy, EntityCopy) else None
            for entity, copy in zip(entities, looked, strict=True)
        }

    async def page(self, name: str, resource: str) -> Page | None:
        """Return the page's copy with the copies of its entities. Return None if one of them is missing, or older than
        the page. `resource`: the plural name of the entities' resource. Never raises."""
        page = await self.get(name)
        if not isinstance(page, PageCopy):
            return None
        entities = []
        own = await self._look([entity_name(Ref(resource, one.id)) for one in page.listed])
        for listed, (copy, _) in zip(page.listed, own, strict=True):
            if not isinstance(copy, EntityCopy):
                return None
            if copy.entity.deleted_version:
                continue
            if copy.entity.version < listed.version:
                return None
            entities.append(copy.entity)
        return Page(entities, page.listed, page.as_of)

    async def get(self, name: str) -> Copy | None:
        """Return the copy under `name`, or None if there is none within its lifetime. Never raises."""
        (copy,) = await self.several([name])
        return copy

    async def several(self, names: Sequence[str]) -> list[Copy | None]:
        """Return the copies under several names, in one round trip. Never raises."""
        looked = await self._look(names)
        for _, result in looked:
            metrics.cache_requests.labels(result).inc()
        return [copy for copy, _ in looked]

    async def _look(self, names: Sequence[str]) -> list[tuple[Copy | None, str]]:
        """Return, for each name, the newer of the cache's copy and this process's copy, and where it was found."""
        if not names:
            return []
        values: list[bytes | str | None] = [None] * len(names)
        try:
            with self._looking:
                values = await self._breaker.call_async(self._redis.mget, [_PREFIX + name for name in names])
        except _AWAY:
            metrics.cache_requests.labels("error").inc()
        found = []
        for name, value in zip(names, values, strict=True):
            cached = decoded(name, value) if value is not None else None
            latest = self._latest.get(name)
            young = latest if latest and time.time() - latest.as_of <= self._hard_s else None
            copy = later(cached, young)
            if latest and cached and copy is cached:
                self.remember(name, cached)  # a state shown once must stay known if the cache fails
            found.append((copy, "miss" if copy is None else "hit" if cached else "in_process"))
        return found

    async def put(self, copies: Iterable[tuple[str, Copy]]) -> bool:
        """Keep copies under their names, or this process's newer copies, unless the cache has newer ones. Return
        whether the cache has taken them. Never raises."""
        return await self._put_in_cache([(name, self.remember(name, copy)) for name, copy in copies])

    async def bury(self, tombstones: Sequence[tuple[str, EntityCopy]], new: Sequence[tuple[str, EntityCopy]]) -> bool:
        """Replace this process's copies by tombstones where it has any, and put the `new` ones into the cache. Return
        whether the cache has taken them. Never raises."""
        for name, tombstone in tombstones:
            if name in self._latest:  # otherwise many deletes would displace useful copies
                self.remember(name, tombstone)
        return await self._put_in_cache(new)

    async def _put_in_cache(self, offered: Sequence[tuple[str, Copy]]) -> bool:
        if not offered:
            return True
        try:
            with self._putting:
                for group in in_one_slot(self._redis, offered, lambda each: _PREFIX + each[0]):
                    await self._breaker.call_async(self._put, *self._arguments(group))
        except _AWAY:
            metrics.cache_requests.labels("error").inc()
            return False
        return True

    def _arguments(self, offered: Sequence[tuple[str, Copy]]) -> tuple[list[str], list[bytes | int | str]]:
        """Return the keys and arguments of the script."""
        values: list[bytes | int | str] = []
        for _, copy in offered:
            lifetime_s = self._hard_s * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - jitter, not a secret
            values += [encoded(copy), int(lifetime_s * 1000)]
        return [_PREFIX + name for name, _ in offered], [*values, str(time.time())]

    def has_as_good(self, name: str, copy: Copy, soft_s: float) -> bool:
        """Return whether this process has put the same state there within about `soft_s`. A copy that was put before
        the clock stepped back is not as good: until its time comes, it would count as new."""
        known = self._latest.get(name)
        if known is None or known.content != copy.content or known.as_of > time.time():
            return False
        return copy.as_of - known.as_of < soft_s * random.uniform(1 - JITTER, 1)  # noqa: S311 - jitter, not a secret

    def remember(self, name: str, copy: Copy) -> Copy:
        """Keep a copy in this process, unless it has a newer one. Return the newer one."""
        if not self._in_process_max:
            return copy
        newer = later(self._latest.get(name), copy) or copy
        if newer is copy:
            self._latest[name] = copy
            self._latest.move_to_end(name)
        if len(self._latest) > self._in_process_max:
            self._latest.popitem(last=False)
        return newer
