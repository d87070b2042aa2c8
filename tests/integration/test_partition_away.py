"""A partition of the queue is away: what goes on in the others, on a real Redis."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisAway

from holdfast.services.dlq_admin.auditor.sweeper import Sweeper
from holdfast.services.dlq_admin.letters import on_stream
from holdfast.services.writer.unknown import Unknown
from holdfast.shared.connections.redis import connect, text
from holdfast.shared.queue.agreement import agree
from holdfast.shared.queue.codec import UnknownWrite
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.names import WRITERS_GROUP
from holdfast.shared.queue.partitions import Partitions
from tests import letters
from tests.away import Away
from tests.integration.test_partitions import _acceptor, _age, _claims, _holders, _Known
from tests.servers import PATIENT_REDIS, RedisServer
from tests.stream import new_user

_FOUR = Partitions(4)


@pytest.fixture
async def redis(clean_redis: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty queue of four partitions."""
    client = connect(clean_redis.address, PATIENT_REDIS)
    await agree(client, 4)
    await ensure_groups(client, _FOUR)
    yield client
    await client.aclose()


async def test_the_sweeper_sweeps_the_partitions_that_answer(redis: Redis) -> None:
    """Claims that no write held go, but for those of a partition that is away, and of entities there; when they are
    done the look fails, and takes the rest when it is back."""
    database: Any = _Known()
    candidates = [new_user(email=f"{number}@example.com") for number in range(40)]
    for candidate in candidates:
        await _acceptor(redis).accept(candidate)
    for candidate in candidates:
        await redis.delete(_FOUR.of(candidate.entity_id).operation(candidate.operation_id))
    await _age(redis)
    claims, away = _FOUR[2].prefix + "emails", Away(redis, _FOUR[2])
    there = {value.split()[1].decode() for name, _, value in await _claims(redis) if name == claims}
    unknown = {each.operation_id for each in candidates if _FOUR.of(each.entity_id) is _FOUR[2]}
    with pytest.raises(RedisAway):
        await Sweeper(away.redis, database, _FOUR).sweep()
    assert await _holders(redis) == there | unknown
    await Sweeper(redis, database, _FOUR).sweep()
    assert await _holders(redis) == set()


async def test_letters_on_the_stream_are_of_the_partitions_that_answer(redis: Redis) -> None:
    """How many are not indexed yet, the newest of them, and one by its id; nothing is known when none answers."""
    for partition in _FOUR:
        fields: Any = letters.fields()
        await redis.xadd(partition.dead, fields, id=f"1764000000000-{partition.number}")
    away = Away(redis, _FOUR[1])
    assert await on_stream.length(away.redis, _FOUR) == 3
    seen = await on_stream.newest(away.redis, 9, _FOUR)
    assert seen is not None
    assert (len(seen.letters), seen.total) == (3, 3)
    assert await on_stream.one(away.redis, "1764000000000-3", _FOUR)
    assert await on_stream.one(away.redis, "1764000000000-1", _FOUR) is None
    everything = Away(redis, *_FOUR).redis
    assert await on_stream.length(everything, _FOUR) is None
    assert await on_stream.newest(everything, 9, _FOUR) is None


async def test_unknown_writes_of_the_partitions_that_answer_are_let_go(redis: Redis) -> None:
    """Those of a partition that is away are kept, and let go when it is back; none is forgotten meanwhile."""
    ids = {}
    for partition in _FOUR:
        ids[partition] = text(await redis.xadd(partition.writes, {"schema": "3"}))
        await redis.xreadgroup(WRITERS_GROUP, "0", {partition.writes: ">"})
    away = Away(redis, _FOUR[0])
    unknown = Unknown(away.redis, "me", idle_s=30, patience_s=0, partitions=_FOUR)
    for entry_id in ids.values():
        unknown.met(entry_id, UnknownWrite("unknown schema"))
    await unknown._let_go()
    await unknown.forget_settled(set())
    let_go = [len(await redis.xpending_range(each.writes, WRITERS_GROUP, "-", "+", 9, idle=30_000)) for each in _FOUR]
    assert (let_go, unknown.ids) == ([0, 1, 1, 1], frozenset(ids.values()))
    away.partitions.clear()
    await unknown._let_go()
    assert len(await redis.xpending_range(_FOUR[0].writes, WRITERS_GROUP, "-", "+", 9, idle=30_000)) == 1
    await redis.xack(_FOUR[1].writes, WRITERS_GROUP, ids[_FOUR[1]])
    await unknown.forget_settled(set())
    assert unknown.ids == frozenset(ids.values()) - {ids[_FOUR[1]]}


async def test_a_node_that_is_away_answers_its_own_commands_with_its_error(redis: Redis) -> None:
    """Those of a pipeline that go to other nodes are answered; who wants all of them gets the error alone."""
    pipeline = Away(redis, _FOUR[1]).redis.pipeline(transaction=False)
    for partition in _FOUR:
        pipeline.xlen(partition.writes)
    replies = await pipeline.execute(raise_on_error=False)
    assert [reply if isinstance(reply, int) else type(reply) for reply in replies] == [0, RedisAway, 0, 0]
    pipeline.xlen(_FOUR[0].writes)
    pipeline.xlen(_FOUR[1].writes)
    with pytest.raises(RedisAway):
        await pipeline.execute()
