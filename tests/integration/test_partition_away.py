"""A partition of the queue is away: what continues in the others, on a real Redis."""

import asyncio
from typing import Any
from unittest.mock import MagicMock

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from holdfast.services.dlq_admin.auditor.sweeper import Sweeper
from holdfast.services.dlq_admin.letters import on_stream
from holdfast.services.writer.unknown import Unknown
from holdfast.shared.connections.redis import text
from holdfast.shared.errors import QueueUnavailable
from holdfast.shared.queue.agreement import PartitionsDiffer, agree
from holdfast.shared.queue.codec import UnknownWrite
from holdfast.shared.queue.names import PARTITIONS, WRITERS_GROUP
from holdfast.shared.queue.partitions import ONE
from holdfast.shared.queue.readings import Readings
from tests import letters
from tests.away import Away
from tests.integration import partitioned
from tests.integration.partitioned import FOUR
from tests.stream import new_user


async def test_the_sweeper_sweeps_the_partitions_that_answer(queue: Redis) -> None:
    """The sweeper removes abandoned claims, except those of a partition that is away and of entities in it, and then
    fails. When the partition is back, it removes the rest."""
    database: Any = partitioned.Known()
    candidates = [new_user(email=f"{number}@example.com") for number in range(40)]
    for candidate in candidates:
        await partitioned.acceptor(queue).accept(candidate)
    for candidate in candidates:
        await queue.delete(FOUR.of(candidate.entity_id).operation(candidate.operation_id))
    await partitioned.age(queue)
    claims, away = FOUR[2].prefix + "emails", Away(queue, FOUR[2])
    there = {value.split()[1].decode() for name, _, value in await partitioned.claims(queue) if name == claims}
    unknown = {each.operation_id for each in candidates if FOUR.of(each.entity_id) is FOUR[2]}
    with pytest.raises(RedisAway):
        await Sweeper(away.redis, database, FOUR).sweep()
    assert await partitioned.holders(queue) == there | unknown
    await Sweeper(queue, database, FOUR).sweep()
    assert await partitioned.holders(queue) == set()


async def test_letters_on_the_stream_are_of_the_partitions_that_answer(queue: Redis) -> None:
    """The number of unindexed letters, the newest letters and a letter by its id are read from the partitions that
    answer, and are None if no partition answers."""
    for partition in FOUR:
        fields: Any = letters.fields()
        await queue.xadd(partition.dead, fields, id=f"1764000000000-{partition.number}")
    away = Away(queue, FOUR[1])
    assert await on_stream.length(away.redis, FOUR) == 3
    seen = await on_stream.newest(away.redis, 9, FOUR)
    assert seen is not None
    assert (len(seen.letters), seen.total) == (3, 3)
    assert await on_stream.one(away.redis, "1764000000000-3", FOUR)
    assert await on_stream.one(away.redis, "1764000000000-1", FOUR) is None
    everything = Away(queue, *FOUR).redis
    assert await on_stream.length(everything, FOUR) is None
    assert await on_stream.newest(everything, 9, FOUR) is None


async def test_unknown_writes_of_the_partitions_that_answer_are_let_go(queue: Redis) -> None:
    """Unknown writes in the partitions that answer are let go. Those in a partition that is away are kept and are let
    go when it is back; none is forgotten meanwhile."""
    ids = {}
    for partition in FOUR:
        own_id = f"1764000000000-{partition.number}"
        ids[partition] = text(await queue.xadd(partition.writes, {"schema": "3"}, id=own_id))
        await queue.xreadgroup(WRITERS_GROUP, "me", {partition.writes: ">"})
    away = Away(queue, FOUR[0])
    unknown = Unknown(away.redis, "me", idle_s=30, patience_s=0, partitions=FOUR)
    for entry_id in ids.values():
        unknown.met(entry_id, UnknownWrite("unknown schema"))
    await unknown._let_go()
    await unknown.forget_settled(set())
    let_go = [len(await queue.xpending_range(each.writes, WRITERS_GROUP, "-", "+", 9, idle=30_000)) for each in FOUR]
    assert (let_go, unknown.ids) == ([0, 1, 1, 1], frozenset(ids.values()))
    away.partitions.clear()
    await unknown._let_go()
    assert len(await queue.xpending_range(FOUR[0].writes, WRITERS_GROUP, "-", "+", 9, idle=30_000)) == 1
    await queue.xack(FOUR[1].writes, WRITERS_GROUP, ids[FOUR[1]])
    await unknown.forget_settled(set())
    assert unknown.ids == frozenset(ids.values()) - {ids[FOUR[1]]}


async def test_a_node_that_is_away_answers_its_own_commands_with_its_error(queue: Redis) -> None:
    """In a pipeline, a node that is away answers its own commands with its error and other nodes answer theirs; a
    caller that requires all replies gets the error."""
    pipeline = Away(queue, FOUR[1]).redis.pipeline(transaction=False)
    for partition in FOUR:
        pipeline.xlen(partition.writes)
    replies = await pipeline.execute(raise_on_error=False)
    assert [reply if isinstance(reply, int) else type(reply) for reply in replies] == [0, RedisAway, 0, 0]
    pipeline.xlen(FOUR[0].writes)
    pipeline.xlen(FOUR[1].writes)
    with pytest.raises(RedisAway):
        await pipeline.execute()


async def test_what_is_known_of_the_number_needs_no_record(queue: Redis) -> None:
    """A process that knows its number of partitions accepts while the shard that records the number is away. One that
    does not know queues nothing."""
    away = Away(queue, ONE[0])
    with pytest.raises(QueueUnavailable):
        await partitioned.acceptor(away.redis).accept(new_user())
    away.partitions.clear()
    await agree(away.redis, 4)
    away.partitions.append(ONE[0])
    await partitioned.acceptor(away.redis).accept(new_user())


async def test_a_reader_does_not_wait_for_the_record_of_the_number(queue: Redis) -> None:
    """While the shard that records the number of partitions is away, a reader of another partition finds its groups.
    Once the shard answers, a process with another number ends."""
    away = Away(queue, ONE[0])
    await queue.delete(FOUR[2].writes)
    readings = Readings(away.redis, FOUR, MagicMock(), MagicMock(), turn_max_s=60, probe_cap_s=0.01)
    await readings._readings[2].groups()
    assert await queue.exists(FOUR[2].writes)
    await queue.set(PARTITIONS, 8)
    readings.stop()
    await readings.run()
    asyncio.get_running_loop().call_later(0.1, away.partitions.clear)
    with pytest.raises(PartitionsDiffer, match="PARTITIONS is 4, but the queue is used in 8"):
        await readings.agreed()
