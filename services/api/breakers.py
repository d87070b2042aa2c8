"""Breakers: makes the api's breakers, and decides which errors each counts as a failure of its dependency."""

from dataclasses import dataclass, replace

from redis.exceptions import RedisError, ResponseError

from holdfast.services.api.database import read_ends
from holdfast.shared.cache.copies import cache_breaker
from holdfast.shared.connections.replicas import TooFewReplicas
from holdfast.shared.connections.script import NotSent
from holdfast.shared.faults import BadData, Contention, Outage
from holdfast.shared.http.client import NotReached, TookTooLong, TooManyAtOnce
from holdfast.shared.queue.partitions import Partition
from holdfast.shared.resilience import deadline
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from holdfast.shared.runtime.time_budgets import RATE_LIMIT_TIMEOUT_S, STORE_OPEN_MAX_S


@dataclass(frozen=True, slots=True)
class Breakers:
    """The breakers of one process, one per dependency and kind of use."""

    #: For reads from the database.
    database: Breaker
    #: For direct writes to the database.
    database_writes: Breaker
    #: One per partition, by its number: another partition may be on another server of a cluster, and work.
    queue: tuple[Breaker, ...]
    cache: Breaker
    external_proxy: Breaker
    #: For the rate limits, which are counted in the cache Redis, too.
    limits: Breaker
    #: For the queue's replicas, one per partition; empty if acceptance does not wait for replicas.
    queue_replicas: tuple[Breaker, ...] = ()

    def replicas_of(self, partition: Partition) -> Breaker | None:
        """Return the breaker of a partition's replicas, or None if acceptance does not wait for replicas."""
        return self.queue_replicas[partition.number] if self.queue_replicas else None

    def all(self) -> tuple[Breaker, ...]:
        """Return all breakers, for the status page."""
        of_the_queue = (*self.queue, *self.queue_replicas)
        return (self.database, self.database_writes, *of_the_queue, self.cache, self.limits, self.external_proxy)


def make_breakers(
    *,
    database_timeout_s: float,
    database_write_timeout_s: float,
    queue_timeout_s: float,
    cache_timeout_s: float,
    external_timeout_s: float,
    open_s: float,
    replicas: bool = False,
    partitions: int = 1,
) -> Breakers:
    """Make the breakers, all closed; with `replicas`, also those of the queue's replicas. The timeouts are those of one
    call, and `open_s` is the first pause of the database's and the queue's breakers; all are in seconds."""
    suffixes = [f"_{number}" for number in range(partitions)] if partitions > 1 else [""]
    open_max_s = max(open_s, STORE_OPEN_MAX_S)
    database = Policy(attempt_timeout_s=database_timeout_s, open_s=open_s, open_max_s=open_max_s, probes=1)
    # Only a write that takes its whole timeout counts as slow: a refusal costs a caller little, a hang its whole time.
    writes = Policy(
        attempt_timeout_s=database_write_timeout_s, open_s=open_s, open_max_s=open_max_s, slow_of_timeout=1, probes=1
    )
    # No ramp: a call that this breaker refuses goes to the database, so a ramp would spare the wrong store.
    queue = Policy(attempt_timeout_s=queue_timeout_s, open_s=open_s, open_max_s=open_max_s, probes=1, ramp_s=0)
    return Breakers(
        database=Breaker("database", database, classify=_of_the_database, deadline=read_ends),
        database_writes=Breaker("database_writes", writes, classify=_of_the_database, deadline=deadline.end),
        queue=tuple(Breaker(f"queue{suffix}", queue, classify=_of_the_queue) for suffix in suffixes),
        cache=cache_breaker(cache_timeout_s),
        # A slow answer may be due to the third party behind the proxy, which the proxy's own breaker judges.
        external_proxy=Breaker(
            "external_proxy",
            Policy(
                attempt_timeout_s=external_timeout_s,
                window_s=max(30.0, 2 * external_timeout_s),
                slow_of_timeout=1,
                probes=1,
            ),
            classify=_of_the_proxy,
            deadline=deadline.end,
        ),
        limits=Breaker(
            "cache_limits", Policy(attempt_timeout_s=RATE_LIMIT_TIMEOUT_S, probes=1, ramp_s=0), classify=_of_the_queue
        ),
        queue_replicas=tuple(_breaker_of_replicas(suffix, queue) for suffix in suffixes) if replicas else (),
    )


def _of_the_database(error: Exception) -> Judgement:
    match error:
        case Outage() | TimeoutError():
            return Verdict.UNREACHABLE
        case Contention() | BadData():
            return Verdict.SUCCESS  # the database works, and refused this call
        case _:
            return Verdict.FAILURE


def _of_the_queue(error: Exception) -> Judgement:
    match error:
        case ResponseError() | TooFewReplicas():
            return Verdict.SUCCESS  # for example out of memory: Redis answers, and the caller gets the error
        case RedisError() | NotSent() | OSError() | TimeoutError():
            return Verdict.UNREACHABLE
        case _:
            return Verdict.FAILURE


def _breaker_of_replicas(suffix: str, queue: Policy) -> Breaker:
    """Make the breaker of a partition's replicas. A wait may take its whole timeout; only a wait in vain counts."""
    return Breaker(f"queue_replicas{suffix}", replace(queue, slow_of_timeout=1), classify=_of_the_replicas)


def _of_the_replicas(error: Exception) -> Judgement:
    return Verdict.UNREACHABLE if isinstance(error, TooFewReplicas) else Verdict.NEUTRAL


def _of_the_proxy(error: Exception) -> Judgement:
    match error:
        case NotReached() | TookTooLong():
            return Verdict.UNREACHABLE
        case TooManyAtOnce():
            return Verdict.NEUTRAL
        case _:
            return Verdict.FAILURE
