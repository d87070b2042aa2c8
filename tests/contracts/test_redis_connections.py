"""Connections to Redis: reads that wait, subscriptions, transactions, and time."""

import asyncio
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

from holdfast.shared.connections.connection import WrongNode
from tests.contracts.redis_subjects import Subject

_WAIT_MS = 60_000


@pytest.fixture
async def redis(subject: Subject) -> Redis:
    """A client, with a stream `s` and its group `g`."""
    await subject.redis.xgroup_create("s", "g", "0", mkstream=True)
    return subject.redis


async def _waiting(subject: Subject, count: int) -> None:
    """Wait until so many clients are blocked, as the flags of the client list show."""
    redis: Any = subject.redis
    async with asyncio.timeout(60):
        while True:
            clients = await redis.client_list()
            if sum("b" in client["flags"] for client in clients) == count:
                return
            await asyncio.sleep(0.01)


def _reading(redis: Redis, consumer: str, block_ms: int = _WAIT_MS) -> "asyncio.Task[Any]":
    return asyncio.create_task(redis.xreadgroup("g", consumer, {"s": ">"}, count=10, block=block_ms))


async def test_readers_are_served_in_their_order(subject: Subject, redis: Redis) -> None:
    """Of two waiting readers, the first gets the first entry, and each entry that is delivered is pending."""
    first = _reading(redis, "one")
    await _waiting(subject, 1)
    second = _reading(redis, "two")
    await _waiting(subject, 2)
    await redis.xadd("s", {"a": "1"}, "5-1")
    assert await first == [[b"s", [(b"5-1", {b"a": b"1"})]]]
    await redis.xadd("s", {"a": "2"}, "5-2")
    assert await second == [[b"s", [(b"5-2", {b"a": b"2"})]]]
    pending: Any = await redis.xpending("s", "g")
    assert [(each["name"], each["pending"]) for each in pending["consumers"]] == [(b"one", 1), (b"two", 1)]


async def test_a_wait_ends(redis: Redis) -> None:
    """A read that waits returns no entries when its time is over."""
    assert await _reading(redis, "one", block_ms=20) == []


@pytest.mark.parametrize("end", ["XGROUP DESTROY s g", "DEL s", "FLUSHALL", "SET s x"])
async def test_a_wait_for_what_goes_away(subject: Subject, redis: Redis, end: str) -> None:
    """A reader whose group or stream is gone gets an error."""
    reading = _reading(redis, "one")
    await _waiting(subject, 1)
    await redis.execute_command(*end.split())
    with pytest.raises((ResponseError, WrongNode)) as caught:
        await reading
    hello: Any = await redis.execute_command("HELLO", 3)
    if hello[b"version"].startswith(b"7.0."):
        assert str(caught.value).split()[0] == ("NOGROUP" if end.startswith("XGROUP") else "UNBLOCKED")


async def test_subscriptions(subject: Subject, redis: Redis) -> None:
    """A message reaches the subscribers of its channel, and a script can publish one."""
    async with redis.pubsub() as pubsub:
        await pubsub.subscribe("news")
        assert (await pubsub.get_message(timeout=60))["type"] == "subscribe"
        assert await redis.publish("news", "a") == 1
        assert await redis.eval("return redis.call('PUBLISH', 'news', 'b')", 0) == 1
        heard = [await pubsub.get_message(timeout=60) for _ in range(2)]
        assert [each["data"] for each in heard] == [b"a", b"b"]
    assert await redis.publish("other", "a") == 0


async def test_transactions(redis: Redis) -> None:
    """A transaction runs all its commands even if one fails, and none if one is not a command."""
    pipeline = redis.pipeline()
    pipeline.hset("h", "a", "1")
    pipeline.get("h")
    pipeline.hgetall("h")
    done = await pipeline.execute(raise_on_error=False)
    assert [done[0], type(done[1]), done[2]] == [1, ResponseError, {b"a": b"1"}]
    pipeline = redis.pipeline()
    pipeline.set("k", "1")
    pipeline.execute_command("NONSENSE")
    with pytest.raises(RedisError):
        await pipeline.execute()
    assert await redis.exists("k") == 0


async def test_waiting_for_replicas_that_are_not_there(redis: Redis) -> None:
    """WAIT for no replicas returns at once. WAIT for a missing replica returns 0 after its timeout, and the commands
    behind it wait too."""
    pipeline: Any = redis.pipeline(transaction=False)
    pipeline.set("a", 1).wait(0, 0).wait(1, 20).get("a")
    assert await pipeline.execute() == [True, 0, 0, b"1"]


async def test_expiry(redis: Redis) -> None:
    """No command finds an expired key, and a list that is made anew after its expiry has no expiry."""
    await redis.set("k", "1", px=30)
    await redis.rpush("l", "1")
    await redis.pexpire("l", 30)
    assert 0 < await redis.pttl("k") <= 30 or await redis.pttl("k") == -2
    async with asyncio.timeout(60):
        while await redis.exists("k", "l"):
            await asyncio.sleep(0.01)
    assert [await redis.get("k"), await redis.ttl("k"), await redis.rpush("l", "2")] == [None, -2, 1]
    assert await redis.ttl("l") == -1


async def test_refusals(subject: Subject, redis: Redis) -> None:
    """A server whose memory is full runs only commands that need no memory, and a replica only commands that change
    nothing."""
    await redis.xadd("s", {"a": "1"}, "5-1")
    await subject.full(True)
    for command in ("SET a 1", "XADD s * a 1", "HSET h a 1", "XGROUP CREATE s g2 0"):
        with pytest.raises(OutOfMemoryError):
            await redis.execute_command(*command.split())
    assert len(await redis.xreadgroup("g", "one", {"s": ">"})) == 1
    assert [await redis.xack("s", "g", "5-1"), await redis.xdel("s", "5-1")] == [1, 1]
    await subject.full(False)
    await subject.replica(True)
    for command in ("SET a 1", "DEL s", "XREADGROUP GROUP g c STREAMS s >"):
        with pytest.raises(WrongNode, match="READONLY"):
            await redis.execute_command(*command.split())
    assert await redis.xlen("s") == 0
