"""Only an entry that was alone in a writer's hands when the writer died is suspected of a crash loop."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import Redis

from holdfast.services.writer.deaths import Deaths
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled, Pipeline
from holdfast.services.writer.reclaim import Reclaimer
from holdfast.services.writer.unknown import Unknown
from holdfast.shared.connections.script import text_of
from holdfast.shared.queue.deliveries import Hold, TakeOver, unexplained
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import LUA, WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE, Partition, Partitions
from holdfast.shared.resilience.supervise import start, stop
from holdfast.shared.store.deaths import Dying, GivenUp
from holdfast.shared.writes.decide import Ended
from holdfast.shared.writes.outcome import Applied, Dead, Failure, Reason, Retry
from tests.faults.relay import Relay, Step
from tests.integration.test_settled_in_one_step import settler
from tests.servers import START_DEADLINE_S, RedisServer

_CRASHES_MAX = 3


class Hands:
    """The writer's side of the reclaimers: it keeps the first entry until a test lets it go, and settles nothing."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.deferred = Deferred(60, base_s=60, cap_s=60)
        self.given: list[Entry] = []
        self.buried: list[Handled] = []
        self.let_go = asyncio.Event()
        self.pipeline = Pipeline(self._keep, _unused, _unused, _unused, 500)

    async def _keep(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        self.given += entries
        if entries and entries[0] is self.given[0]:
            await self.let_go.wait()
        return ()

    async def _settle(self, handled: list[Handled]) -> None:
        self.buried += handled

    async def _none(self, _: list[str]) -> dict[str, Any]:
        return {}

    def reclaimer(self, partition: Partition, idle_s: float = 0, *, outage: bool = False) -> Reclaimer:
        """Return a reclaimer of these hands."""
        return Reclaimer(
            self.redis, "me", self.pipeline, self.deferred,
            Unknown(self.redis, "me", idle_s=idle_s, patience_s=60), self._settle, self._none, lambda: outage,
            idle_s=idle_s, crashes_max=_CRASHES_MAX, partition=partition,
        )  # fmt: skip


async def _unused(*_: Any) -> Any:
    return []


async def _delivered(redis: Redis, partition: Partition, count: int, takeovers: int = 0) -> list[str]:
    """Add entries, and deliver them to a writer that died, and to as many further writers."""
    await redis.xgroup_create(partition.writes, WRITERS_GROUP, "0", mkstream=True)
    ids = [await _read(redis, partition, number) for number in range(1, count + 1)]
    for _ in range(takeovers):
        await TakeOver(redis, partition, "dead:reclaim")(ids, 0)
    return ids


async def _read(redis: Redis, partition: Partition, number: int) -> str:
    """Add an entry, deliver it to a writer that died, and return its id, which no other partition has."""
    entry_id: Any = await redis.xadd(partition.writes, {"n": number}, f"{number}-{partition.number}")
    await redis.xreadgroup(WRITERS_GROUP, "dead", {partition.writes: ">"})
    return entry_id.decode()


async def _crashes(redis: Redis, partition: Partition) -> dict[str, int]:
    """Return how many writers each entry is suspected to have killed."""
    found = await redis.xpending_range(partition.writes, WRITERS_GROUP, "-", "+", 100)
    counts = await unexplained(redis, partition, found)
    return {one["message_id"].decode(): count for one, count in zip(found, counts, strict=True)}


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(START_DEADLINE_S):
        while not condition():
            await asyncio.sleep(0)


async def test_a_takeover_without_an_answer_is_no_evidence(clean_redis: RedisServer) -> None:
    """An entry whose takeovers the queue counts, but whose replies are lost, is not a crash loop: the writer is alive,
    and takes it over as soon as a reply arrives."""
    [partition] = ONE
    async with Relay(clean_redis.port) as relay, Redis(port=clean_redis.port) as redis:
        [entry] = await _delivered(redis, partition, 1)
        for name in ("orphans.lua", "take_over.lua"):
            await redis.script_load(text_of(LUA / name))
        relay.steps = [Step(), Step(down=0)] * 4  # of each pass, the look for orphans and the takeover
        host, port = relay.address.split(":")
        async with Redis(host=host, port=int(port), retry=None) as flaky:
            hands = Hands(flaky)
            loops = start({"reclaim": hands.reclaimer(partition).run})
            try:
                await _until(lambda: hands.given or hands.buried)
            finally:
                await stop(loops)
        assert [one.id for one in hands.given] == [entry]
        assert not hands.buried
        assert relay.steps == []


async def test_a_suspect_that_waits_is_not_charged_with_the_next_one(clean_redis: RedisServer) -> None:
    """A suspect that the writer has survived, and that waits there for its turn, is no crash loop if the writer dies of
    the next suspect."""
    [partition] = ONE
    async with Redis(port=clean_redis.port) as redis:
        innocent, killer = await _delivered(redis, partition, 2, takeovers=1)
        hands = Hands(redis)
        task = asyncio.create_task(hands.reclaimer(partition, idle_s=0.001).run())
        await _until(lambda: hands.given)
        hands.deferred.for_backoff(hands.given[0], 1)
        hands.let_go.set()
        await _until(lambda: len(hands.given) == 2)
        task.cancel()  # here the writer dies
        assert [one.id for one in hands.given] == [innocent, killer]
        assert await _crashes(redis, partition) == {innocent: 1, killer: _CRASHES_MAX}


async def test_suspects_of_several_partitions_are_tried_one_at_a_time(clean_redis: RedisServer) -> None:
    """While a writer has a suspect of one partition in hand, it takes over no suspect of another partition, and what
    is no suspect as before."""
    partitions = Partitions(2)
    async with Redis(port=clean_redis.port) as redis:
        suspects = {id for each in partitions for id in await _delivered(redis, each, 1, takeovers=1)}
        hands = Hands(redis)
        tasks = [asyncio.create_task(hands.reclaimer(each, idle_s=0.001).run()) for each in partitions]
        await _until(lambda: hands.given)
        other = partitions[1 - hands.given[0].partition.number]
        fresh = []
        for number in range(2, 4):
            fresh.append(await _read(redis, other, number))
            await _until(lambda number=number: len(hands.given) >= number)  # type: ignore[misc]
        assert [one.id for one in hands.given[1:]] == fresh
        hands.let_go.set()
        await _until(lambda: suspects <= {one.id for one in hands.given})
        for task in tasks:
            task.cancel()


async def test_failed_attempts_excuse_no_later_crash(clean_redis: RedisServer) -> None:
    """An entry that failed in one writer's hands, and then kills three writers, is a crash loop."""
    [partition] = ONE
    async with Redis(port=clean_redis.port) as redis:
        [entry] = await _delivered(redis, partition, 1, takeovers=1)
        failed = Retry(Failure("Bug", "UNKNOWN", "nobody expected it"))
        for _ in range(2):
            await settler(redis)([Handled(Entry(entry, {}), None, failed)])
            assert await _crashes(redis, partition) == {entry: 1}
        await Hold(redis, "dead")(partition, [entry], deliveries=1)
        for count in (2, 3):
            await TakeOver(redis, partition, "dead:reclaim")([entry], 0)
            assert await _crashes(redis, partition) == {entry: count}


async def test_an_operation_that_ended_otherwise_is_no_crash_loop() -> None:
    """If an entry's operation is ended by another entry, or directly, between the look at the operation and the
    declaration as a crash loop, the entry makes no dead letter, and is reclaimed again."""
    dead = Dead(Reason.CRASH_LOOP, Failure("CrashLoop", "CRASH_LOOP", "delivered 3 times"))

    async def gave_up(dying: list[Dying]) -> GivenUp:
        return GivenUp({each.operation_id: Ended(Applied(7), None) for each in dying})

    deferred = Deferred(60, base_s=60, cap_s=60)
    one = Handled(Entry("1-0", {b"operation_id": b"op"}), None, dead)
    assert await Deaths(gave_up, deferred)([one]) == [one._replace(outcome=Retry(dead.failure))]
    assert deferred.held() == []
