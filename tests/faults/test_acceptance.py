"""The answer to an acceptance is true, wherever its one or two attempts were cut off: an error is `definite` for no
command that the queue has."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from holdfast.services.api.accept import Answer
from holdfast.services.api.candidate import Candidate
from holdfast.shared.connections.redis import RedisTimeouts, connect
from holdfast.shared.errors import AcceptanceUnknown, AppError
from holdfast.shared.queue.names import PREFIX, WRITES
from tests.accepting import acceptor
from tests.faults.relay import Relay, Step
from tests.servers import START_DEADLINE_S, RedisServer
from tests.stream import new_user
from tests.users import EMAILS

_TIMEOUT_S = 0.1
_REFUSALS = ("OOM command not allowed", "READONLY no", "MISCONF no", "LOADING not yet", "BUSY a script", "NOAUTH who")
_CHANCE = random.Random()

#: First attempts after which there is a second attempt.
FIRST = {
    "nothing was sent": lambda: Step(up=0),
    "half was sent": lambda: Step(up=_CHANCE.uniform(0.01, 0.99)),
    "taken, no reply": lambda: Step(down=0),
    "taken, half a reply": lambda: Step(down=_CHANCE.uniform(0.01, 0.9)),
    "taken, and gone": lambda: Step(down=0, deaf=True),
}
#: Last attempts.
LAST = FIRST | {
    "well": Step,
    "hangs before": lambda: Step(up=0, then="hang"),
    "hangs halfway": lambda: Step(up=_CHANCE.uniform(0.01, 0.99), then="hang"),
    "taken, hangs": lambda: Step(down=0, then="hang"),
    **{text.split()[0]: (lambda text=text: Step(refusal=text)) for text in _REFUSALS},
}

Accept = Callable[[Candidate], Awaitable[Answer | AppError]]


@pytest.fixture
async def relay(clean_redis: RedisServer) -> AsyncIterator[Relay]:
    """A relay in front of the shared Redis."""
    async with Relay(clean_redis.port) as relay:
        yield relay


@pytest.fixture
async def queue(relay: Relay) -> AsyncIterator[Redis]:
    """The acceptor's connections, through the relay."""
    redis = connect(relay.address, RedisTimeouts(_TIMEOUT_S, _TIMEOUT_S))
    yield redis
    await redis.aclose()


@pytest.fixture
def accept(queue: Redis) -> Accept:
    """The accept function of a new acceptor, which returns its answer or its error."""
    taking = acceptor(queue)

    async def tried(candidate: Candidate) -> Answer | AppError:
        try:
            return await taking.accept(candidate)
        except AppError as error:
            return error

    return tried


async def warm_up(accept: Accept) -> None:
    """Accept writes until one succeeds, so that a connection is open and the script is cached."""
    async with asyncio.timeout(START_DEADLINE_S):
        while not isinstance(await accept(new_user()), Answer):
            pass


def taken(server: RedisServer) -> set[str]:
    """Return the ids of the operations on the stream."""
    with server.client() as redis:
        return {fields[b"operation_id"].decode() for _, fields in redis.xrange(WRITES)}


def forget_script(server: RedisServer) -> None:
    """Make the server forget its scripts, as a restart does."""
    with server.client() as redis:
        redis.script_flush()


@pytest.mark.parametrize("known", [True, False], ids=["by hash", "by text"])
@pytest.mark.parametrize("last", LAST)
@pytest.mark.parametrize("first", [None, *FIRST])
async def test_what_is_answered_is_true(
    accept: Accept, relay: Relay, clean_redis: RedisServer, first: str | None, last: str, known: bool
) -> None:
    """Of three writes in one round trip, with a key, with a waiting caller and with neither, each accepted one is on
    the stream and each definitely failed one is not, whatever happens to both attempts."""
    await warm_up(accept)
    if not known:
        forget_script(clean_redis)
        relay.steps.append(Step())
    relay.steps += [FIRST[first]()] if first else []
    relay.steps.append(LAST[last]())
    keyed = replace(new_user(), key_hash="k1", body_hash="b")
    waiting = replace(new_user(), key_hash="k2", body_hash="b", busy_ms="60000")
    writes = [new_user(), keyed, waiting]
    answers = await asyncio.gather(*map(accept, writes))
    relay.heal()
    for write, answer in zip(writes, answers, strict=True):
        there = write.operation_id in taken(clean_redis)
        if isinstance(answer, Answer):
            assert (answer.result in ("accepted", "repeated"), there) == (True, True)
        else:
            assert not (answer.definite and there), f"{answer.code} of a write that the queue has"
            if not answer.definite:
                assert (answer.details or {})["operation_id"] == write.operation_id


async def test_the_only_living_connection_is_in_use(
    accept: Accept, relay: Relay, queue: Redis, clean_redis: RedisServer
) -> None:
    """If the only open connection is in use by a call that hangs and no other can be opened, nothing is sent, and the
    error is definite."""
    await warm_up(accept)
    relay.steps = [Step(up=0, then="hang", deaf=True)]
    other = asyncio.ensure_future(queue.eval("return 1", 0))
    while relay.steps:
        await asyncio.sleep(0)
    write = new_user()
    answer = await accept(write)
    assert isinstance(answer, AppError)
    assert (answer.code, answer.definite) == ("QUEUE_UNAVAILABLE", True)
    relay.heal()
    assert write.operation_id not in taken(clean_redis)
    await asyncio.gather(other, return_exceptions=True)


def address_taken(redis: SyncRedis, write: Candidate) -> None:
    """Reserve the write's email address for another user."""
    redis.hset(EMAILS, write.command.values["email"], "somebody-else another-operation")


def entity_busy(redis: SyncRedis, write: Candidate) -> None:
    """Make as many writes of the entity wait as may."""
    redis.hset(f"{PREFIX}user:{write.entity_id}", mapping={f"{number}": "" for number in range(11)})


@pytest.mark.parametrize("refusal", [address_taken, entity_busy])
async def test_what_refuses_a_second_try_says_nothing_about_the_first(
    accept: Accept, relay: Relay, clean_redis: RedisServer, refusal: Callable[[SyncRedis, Candidate], None]
) -> None:
    """If the first attempt was taken, applied and forgotten before the second was refused, the acceptance is
    unknown."""
    await warm_up(accept)
    write = new_user()
    relay.steps = [Step(down=0, after=lambda: settled(clean_redis, write, refusal))]
    answer = await accept(write)
    assert isinstance(answer, AcceptanceUnknown)
    assert answer.details == {"operation_id": write.operation_id}


@pytest.mark.parametrize("over", [True, False], ids=["over", "waits"])
async def test_a_second_try_may_be_of_what_is_over(
    accept: Accept, relay: Relay, clean_redis: RedisServer, over: bool
) -> None:
    """A second attempt is accepted; after the first has ended the database has to tell its version, and while the first
    waits, the queue knows it."""
    await warm_up(accept)
    write = new_user()
    relay.steps = [Step(down=0, after=lambda: settled(clean_redis, write)) if over else Step(down=0)]
    answer = await accept(write)
    assert isinstance(answer, Answer)
    assert (answer.result, answer.unsure) == ("accepted", over)


async def settled(
    server: RedisServer, write: Candidate, then: Callable[[SyncRedis, Candidate], None] = lambda *_: None
) -> None:
    """Make the queue forget the write, as after its end."""
    with server.client() as redis:
        redis.delete(f"{PREFIX}op:{write.operation_id}")
        then(redis, write)
