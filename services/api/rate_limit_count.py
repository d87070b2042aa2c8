"""Rate limit count: takes requests from the common count of all processes in the cache Redis, through leases; and from
this process's own count while Redis does not answer."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from holdfast.services.api.rate_limit_policy import Grant, RatePolicy, grant
from holdfast.shared.connections.script import NotSent, Script
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.runtime.time_budgets import RATE_LEASE_S, RATE_LIMIT_TIMEOUT_S
from holdfast.shared.telemetry import metrics

#: Each limit has its own count, because a count under one limit means nothing under another.
_PREFIX = "holdfast:rate:"
_CLIENTS_MAX = 10_000
#: When less than this share of a lease is left, the next one is fetched in the background.
_RENEW_AT = 0.5


class Taken(NamedTuple):
    """Whether a request passes, how many are left, and the seconds until the whole burst and until one more request are
    available."""

    allowed: bool
    left: int
    whole_in_s: float
    next_in_s: float


class _Client:
    """One client's requests of one kind, as this process counts them."""

    __slots__ = ("asking", "leased", "leased_until", "left", "none_until", "own_whole_at", "waiting", "whole_at")

    def __init__(self) -> None:
        self.leased = 0
        self.leased_until = 0.0
        self.left = 0
        self.whole_at = 0.0
        #: Until this time the common count has nothing left, and is not asked.
        self.none_until = 0.0
        self.own_whole_at = 0.0
        self.asking: asyncio.Task[None] | None = None
        #: Requests that wait for a lease.
        self.waiting = 0


class Counts:
    """The counts of all clients. `clock` is monotonic, in seconds. A failure of Redis is handled and not raised.

    taken = await counts.take("key:checkout", rate_policy("writes", 600))
    """

    def __init__(self, redis: Redis, breaker: Breaker, clock: Callable[[], float]) -> None:
        self._script = Script(redis, Path(__file__).with_name("rate_limit.lua"))
        self._breaker = breaker
        self._clock = clock
        self._clients: OrderedDict[tuple[str, str], _Client] = OrderedDict()
        self._reporter = FailureReporter("rate_limit")

    async def take(self, name: str, policy: RatePolicy) -> Taken:
        """Count one request of the client `name`. Awaits Redis only if nothing is leased. Requests that wait share one
        lease; if it is too small, the rest ask for another, until the common count has nothing left."""
        client = self._client(name, policy)
        while not self._has_lease(client):
            now = self._clock()
            if now < client.none_until:
                return Taken(False, 0, max(0.0, client.whole_at - now), client.none_until - now)
            client.waiting += 1
            try:
                await asyncio.shield(client.asking or self._ask(name, policy, client))
            finally:
                client.waiting -= 1
        return self._take(name, policy, client, self._clock())

    def leased(self, name: str, policy: RatePolicy) -> Taken | None:
        """Count one request if a lease has room for it. Otherwise return None, and count nothing."""
        client = self._client(name, policy)
        now = self._clock()
        return self._take(name, policy, client, now) if client.leased and now < client.leased_until else None

    def _take(self, name: str, policy: RatePolicy, client: _Client, now: float) -> Taken:
        client.leased -= 1
        if client.asking is None and policy.lease > 1 and client.leased < _RENEW_AT * policy.lease:
            self._ask(name, policy, client)
        return Taken(True, client.left + client.leased, client.whole_at - now, 0.0)

    def _has_lease(self, client: _Client) -> int:
        if self._clock() >= client.leased_until:
            client.leased = 0
        return client.leased

    def _client(self, name: str, policy: RatePolicy) -> _Client:
        key = (policy.key, name)
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = _Client()
            if len(self._clients) > _CLIENTS_MAX:
                self._clients.popitem(last=False)
        else:
            self._clients.move_to_end(key)
        return client

    def _ask(self, name: str, policy: RatePolicy, client: _Client) -> asyncio.Task[None]:
        """Start to ask for a lease. Each client has at most one such request to Redis in flight."""
        client.asking = asyncio.create_task(self._lease(name, policy, client))
        return client.asking

    async def _lease(self, name: str, policy: RatePolicy, client: _Client) -> None:
        try:
            wanted = max(policy.lease, client.waiting)
            lease = await self._common(name, policy, wanted)
            now = self._clock()
            if lease is None:
                lease, client.own_whole_at = grant(policy, client.own_whole_at, wanted, now)
            client.leased += lease.granted
            client.leased_until = now + RATE_LEASE_S
            client.left = lease.left
            client.whole_at = now + lease.whole_in_s
            client.none_until = now + (lease.next_in_s or policy.interval_s) if not lease.granted else 0.0
        finally:
            client.asking = None

    async def _common(self, name: str, policy: RatePolicy, wanted: int) -> Grant | None:
        """Return a lease of the common count, or None if Redis did not answer. This process then counts by itself."""
        key = f"{_PREFIX}{policy.key}:{name}"
        arguments: list[str | int] = [str(policy.interval_s * 1e6), policy.burst, wanted]
        try:
            with self._reporter:
                reply = await self._breaker.call_async(self._in_time, key, arguments)
        except (CallRefused, NotSent, RedisError, OSError, TimeoutError):
            metrics.rate_limiter_degraded.set(1)
            return None
        metrics.rate_limiter_degraded.set(0)
        granted, left, whole_in_ms, next_in_ms = reply
        return Grant(granted, left, whole_in_ms / 1000, next_in_ms / 1000)

    async def _in_time(self, key: str, arguments: list[str | int]) -> list[int]:
        async with asyncio.timeout(RATE_LIMIT_TIMEOUT_S):
            reply: list[int] = await self._script([key], arguments)
            return reply
