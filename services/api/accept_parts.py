"""Accept parts: accepts writes into however many partitions the queue has. With several, a write goes to the partition
of its entity, after its unique values have been claimed on the partitions of the values."""

from collections.abc import Callable
from math import ceil
from typing import Protocol

from redis.asyncio import Redis

from holdfast.services.api.accept import Acceptor, Answer, count_answer
from holdfast.services.api.breakers import Breakers
from holdfast.services.api.candidate import Candidate
from holdfast.services.api.claiming import AWAY, Claiming
from holdfast.services.api.floor import Floor
from holdfast.services.api.settings import ApiSettings
from holdfast.shared.connections.replicas import Replicas
from holdfast.shared.errors import AppError, QueueUnavailable
from holdfast.shared.queue.claims import Claimed, Value
from holdfast.shared.queue.partitions import Partition, Partitions
from holdfast.shared.resilience.breaker.refusal import CallRefused
from holdfast.shared.resilience.failure_reporter import FailureReporter
from holdfast.shared.writes.versions import Clock


class Accepting(Protocol):
    """An acceptor of writes, for however many partitions."""

    async def accept(self, candidate: Candidate) -> Answer:
        """See Acceptor."""

    async def forget_busy(self, candidate: Candidate) -> None:
        """See Acceptor."""


class PartitionedAcceptor:
    """Accepts writes for several partitions, through one Acceptor each. `make` creates the Acceptor of a partition."""

    def __init__(
        self,
        redis: Redis,
        partitions: Partitions,
        make: Callable[[Partition], Acceptor],
        clock: Clock,
        breakers: Breakers,
        replicas: Replicas | None,
        *,
        batch_max: int,
    ) -> None:
        """Create the acceptors. `batch_max`: most writes whose values are claimed in one call."""
        self._redis = redis
        self._partitions = partitions
        self._acceptors = [make(partition) for partition in partitions]
        self._clock = clock
        self._breakers = breakers
        self._claiming = Claiming(redis, partitions, breakers, replicas, batch_max)
        self._releasing = FailureReporter("release_claims")

    async def accept(self, candidate: Candidate) -> Answer:
        """Accept a candidate. If its values cannot be claimed, it has had no effect. Raises like Acceptor."""
        command = candidate.command
        values = command.resource.claims(command.values)
        if not values:
            return await self._acceptor(candidate).accept(candidate)
        claimed = await self._claimed(candidate, values)
        if claimed.taken is not None:
            count_answer("taken")
            return Answer("taken", candidate.operation_id, candidate.entity_id, 0, claim=values.index(claimed.taken))
        self._clock.observe(claimed.floor)
        try:
            answer = await self._acceptor(candidate).accept(candidate.with_claims_made())
        except AppError as error:
            if error.definite:
                await self._release(claimed)
            raise
        if answer.result != "accepted" and claimed.undo and not await self._pending(candidate):
            await self._release(claimed)
        return answer

    async def forget_busy(self, candidate: Candidate) -> None:
        """See Acceptor."""
        await self._acceptor(candidate).forget_busy(candidate)

    def _acceptor(self, candidate: Candidate) -> Acceptor:
        return self._acceptors[self._partitions.of(candidate.entity_id).number]

    async def _claimed(self, candidate: Candidate, values: tuple[Value, ...]) -> Claimed:
        try:
            return await self._claiming.claim(values, candidate.entity_id, candidate.operation_id)
        except CallRefused as refusal:
            raise QueueUnavailable(retry_after_s=ceil(refusal.retry_after_s)) from refusal
        except AWAY as error:
            raise QueueUnavailable() from error

    async def _pending(self, candidate: Candidate) -> bool:
        """Return whether the candidate's write is pending, or may be because the queue does not answer."""
        partition = self._partitions.of(candidate.entity_id)
        operation = partition.operation(candidate.operation_id)
        with self._releasing.suppressing(*AWAY):
            return bool(await self._breakers.queue[partition.number].call_async(self._redis.exists, operation))
        return True

    async def _release(self, claimed: Claimed) -> None:
        """Release what this request claimed. If that fails, the sweeper releases it later."""
        with self._releasing.suppressing(*AWAY):
            await self._claiming.release(claimed.undo)


def accepting(
    settings: ApiSettings,
    redis: Redis,
    partitions: Partitions,
    clock: Clock,
    floor: Floor,
    breakers: Breakers,
    replicas: Replicas | None,
) -> Accepting:
    """Return the acceptor for a queue of one partition, or of several."""
    batch_max = settings.api_accept_batch_max

    def of(partition: Partition) -> Acceptor:
        return Acceptor(
            redis,
            clock,
            floor,
            breakers.queue[partition.number],
            batch_max=batch_max,
            key_lifetime_s=settings.api_key_lifetime_s,
            entity_pending_max=settings.api_entity_pending_max,
            replicas=replicas,
            replicas_breaker=breakers.replicas_of(partition),
            partition=partition,
        )

    if len(partitions) == 1:
        return of(partitions[0])
    return PartitionedAcceptor(redis, partitions, of, clock, breakers, replicas, batch_max=batch_max)
