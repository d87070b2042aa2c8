"""The api's breakers, and what each of them takes for a failure of its dependency."""

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
    """One a dependency and kind of use."""

    #: Reads of it.
    database: Breaker
    #: Direct writes to it.
    database_writes: Breaker
    #: One a partition, by its number: what is on another server of a cluster may be well.
    queue: tuple[Breaker, ...]
    cache: Breaker
    external_proxy: Breaker
    #: The cache Redis too, where it counts what clients send.
    limits: Breaker
    #: The queue's replicas, where acceptance waits for them; one a partition, or none.
    queue_replicas: tuple[Breaker, ...] = ()

    def replicas_of(self, partition: Partition) -> Breaker | None:
        """None: acceptance waits for no replicas."""
        return self.queue_replicas[partition.number] if self.queue_replicas else None

    def all(self) -> tuple[Breaker, ...]:
        """For the status page."""
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
    """New breakers, all closed; `replicas`: for the queue's replicas, too. The timeouts are those of one call,
    `open_s` is the first pause of the database's and the queue's; in seconds."""
    suffixes = [f"_{number}" for number in range(partitions)] if partitions > 1 else [""]
    open_max_s = max(open_s, STORE_OPEN_MAX_S)
    database = Policy(attempt_timeout_s=database_timeout_s, open_s=open_s, open_max_s=open_max_s, probes=1)
    # A second refusal costs as little as the first, and one that hangs is a caller's whole time.
    writes = Policy(
        attempt_timeout_s=database_write_timeout_s, open_s=open_s, open_max_s=open_max_s, slow_of_timeout=1, probes=1
    )
    # No ramp: what the queue refuses goes to the database, so letting it back gently would spare the wrong one.
    queue = Policy(attempt_timeout_s=queue_timeout_s, open_s=open_s, open_max_s=open_max_s, probes=1, ramp_s=0)
    return Breakers(
        database=Breaker("database", database, classify=_of_the_database, deadline=read_ends),
        database_writes=Breaker("database_writes", writes, classify=_of_the_database, deadline=deadline.end),
        queue=tuple(Breaker(f"queue{suffix}", queue, classify=_of_the_queue) for suffix in suffixes),
        cache=cache_breaker(cache_timeout_s),
        # Slow is how the third party behind it may be; that is the proxy's own breaker's business.
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
            return Verdict.SUCCESS  # it works, and refused
        case _:
            return Verdict.FAILURE


def _of_the_queue(error: Exception) -> Judgement:
    match error:
        case ResponseError() | TooFewReplicas():
            return Verdict.SUCCESS  # out of memory: it answers, and the caller gets the error
        case RedisError() | NotSent() | OSError() | TimeoutError():
            return Verdict.UNREACHABLE
        case _:
            return Verdict.FAILURE


def _breaker_of_replicas(suffix: str, queue: Policy) -> Breaker:
    """A wait for replicas may take its whole time; only one that was for nothing counts."""
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
