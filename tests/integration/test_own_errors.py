"""A write's own error in the middle of a batch does not affect the others; and only a refusal before the script ran is
definite."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from holdfast.services.api.accept import Answer
from holdfast.shared.connections.redis import connect
from holdfast.shared.connections.script import Script, refused
from holdfast.shared.errors import AcceptanceUnknown, QueueFull, QueueUnavailable
from holdfast.shared.queue.names import CLOCK, KEYS_SINCE, LUA, OPERATION, WRITES
from tests.accepting import acceptor
from tests.servers import PATIENT_REDIS, RedisServer
from tests.stream import new_user
from tests.users import PENDING


@pytest.fixture
async def redis(clean_redis: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty queue."""
    client = connect(clean_redis.address, PATIENT_REDIS)
    yield client
    await client.aclose()


async def accept(redis: Redis, count: int, *, spoilt: dict[int, str]) -> tuple[list[Any], list[Any]]:
    """Send `count` writes in one batch, after keys of another type were put in place of the keys of the `spoilt` ones.
    Returns the candidates and their outcomes."""
    candidates = [new_user() for _ in range(count)]
    for number, prefix in spoilt.items():
        one = candidates[number]
        await redis.set(prefix + (one.entity_id if prefix == PENDING else one.operation_id), "of another type")
    taking = acceptor(redis, batch_max=100)
    ends = await asyncio.gather(*map(taking.accept, candidates), return_exceptions=True)
    return candidates, list(ends)


@pytest.mark.parametrize("prefix", [PENDING, OPERATION])
@pytest.mark.parametrize("at", [0, 3, 6])
async def test_only_the_write_with_the_error_is_refused(redis: Redis, at: int, prefix: str) -> None:
    """A write whose own key has another type is refused with an error and is not on the stream, while the writes before
    and after it in the batch are accepted."""
    candidates, ends = await accept(redis, 7, spoilt={at: prefix})
    assert isinstance(ends[at], QueueUnavailable)
    assert [isinstance(end, Answer) for end in ends] == [number != at for number in range(7)]
    on_stream = {fields[b"operation_id"].decode() for _, fields in await redis.xrange(WRITES)}
    assert on_stream == {one.operation_id for number, one in enumerate(candidates) if number != at}


async def test_an_error_behind_the_entry_is_no_refusal(redis: Redis, clean_redis: RedisServer) -> None:
    """When a permission is missing halfway through the script, every entry is on the stream, so every outcome is
    unknown."""
    await redis.execute_command("ACL", "SETUSER", "half", "on", ">half", "~*", "&*", "+@all", "-hset")
    half = connect(f"redis://half:half@{clean_redis.address}", PATIENT_REDIS)
    try:
        _, ends = await accept(half, 4, spoilt={})
        assert all(isinstance(end, AcceptanceUnknown) for end in ends)
        assert await redis.xlen(WRITES) == 4
        newest = (await redis.xinfo_stream(WRITES))["last-generated-id"].decode().replace("-", "")
        assert (await redis.get(CLOCK) or b"").decode()[:13] == newest[:13]
    finally:
        await half.aclose()
        await redis.execute_command("ACL", "DELUSER", "half")


async def test_an_error_of_the_script_itself_is_unknown(redis: Redis) -> None:
    """After an error of the script as a whole every outcome is unknown, because the error does not show how far the
    script ran."""
    await redis.rpush(KEYS_SINCE, "of another type")
    _, ends = await accept(redis, 3, spoilt={})
    assert all(isinstance(end, AcceptanceUnknown) for end in ends)


@pytest.mark.parametrize(
    ("setting", "value", "well", "error"),
    [("maxmemory", "1", "0", QueueFull), ("min-replicas-to-write", "1", "0", QueueUnavailable)],
)
async def test_a_refusal_to_run_the_script_is_definite(
    redis: Redis, setting: str, value: str, well: str, error: type[Exception]
) -> None:
    """When Redis refuses to run the script, every write fails with a definite error and nothing is on the stream."""
    try:
        await redis.config_set(setting, value)
        _, ends = await accept(redis, 3, spoilt={})
    finally:
        await redis.config_set(setting, well)
    assert all(isinstance(end, error) for end in ends)
    assert await redis.xlen(WRITES) == 0


CODES = ["OOM", "READONLY", "MISCONF", "LOADING", "NOPERM", "NOAUTH", "MASTERDOWN", "NOREPLICAS", "BUSY", "WRONGTYPE",
         "ERR", "NOGROUP", "EXECABORT", "UNKILLABLE", ""]  # fmt: skip


@given(code=st.sampled_from(CODES), words=st.text(max_size=30), inside=st.booleans())
def test_what_counts_as_a_refusal(code: str, words: str, inside: bool) -> None:
    """An error counts as a refusal if it has one of the known codes of answers in place of a run, and never if it names
    the script that raised it."""
    error = ResponseError(f"{code} {words}" + (" script: 0123abcd, on @user_script:7." if inside else ""))
    definite = code in CODES[:9] and not inside and "script: " not in words
    assert refused(error) is definite
    assert not refused(RedisError(words + " the connection is gone")) or words.split(" ")[0] in CODES[:9]


async def test_a_real_error_out_of_a_script_names_it(redis: Redis) -> None:
    """The Redis under test names the script in an error that the script raised, which the rule above relies on."""
    await redis.set(WRITES, "of another type")
    with pytest.raises(ResponseError) as failed:
        await Script(redis, LUA / "charge.lua")([WRITES], ["0-1", "attempt", "error"])
    assert not refused(failed.value)
    assert "script: " in str(failed.value)
