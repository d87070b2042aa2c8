"""A letter whose own keys have the wrong type holds up no other letter."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from holdfast.services.dlq_admin.replays.held import Held
from holdfast.services.dlq_admin.replays.sender import Sender
from holdfast.shared.connections.redis import connect, text
from holdfast.shared.letters.replays.sending import Chosen
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.names import CLOCK, LEDGER, OPERATION, WRITES
from tests.letters import letter
from tests.replays.test_sending import chosen
from tests.servers import PATIENT_REDIS, RedisServer
from tests.users import EMAILS, PENDING


@pytest.fixture
async def redis(clean_redis: RedisServer) -> AsyncIterator[Redis]:
    """A client of an empty queue."""
    client = connect(clean_redis.address, PATIENT_REDIS)
    yield client
    await client.aclose()


def letters() -> tuple[list[Chosen], list[str]]:
    """Return three letters, and the keys that the queue keeps for the second."""
    batch = [chosen(letter(n, name=f"N{n}"), n) for n in range(3)]
    write = decode(batch[1].letter.fields)
    return batch, [PENDING + write.entity_id, OPERATION + write.operation_id]


async def spoil(redis: Redis, name: str) -> None:
    """Replace a key by one of another type."""
    await redis.delete(name)
    await redis.set(name, "of another type")


def _others(batch: list[Chosen]) -> list[str]:
    writes = [decode(one.letter.fields) for one in (batch[0], batch[2])]
    return [key for each in writes for key in (PENDING + each.entity_id, OPERATION + each.operation_id)]


@pytest.mark.parametrize("what", [0, 1, EMAILS])
async def test_all_are_sent(redis: Redis, what: Any) -> None:
    """All letters are sent in one call, each once, although a key of one letter has the wrong type; the keys of the
    others are complete, and the clock advances with their entries."""
    batch, kept = letters()
    await redis.set(CLOCK, 1)
    await spoil(redis, what if isinstance(what, str) else kept[what])
    held = Held()
    sent = await Sender(redis).send(1, batch, held)
    assert held.away == {}
    entries = [text(entry_id) for entry_id, _ in await redis.xrange(WRITES)]
    assert [one.entry_id for one in sent] == entries
    assert await redis.hget(LEDGER, "replayed") == b"3"
    assert await redis.exists(*_others(batch)) == 4
    assert int(await redis.get(CLOCK)) > 1


@pytest.mark.parametrize("what", [0, 1, EMAILS])
async def test_all_are_taken_back(redis: Redis, what: Any) -> None:
    """All letters are recalled in one call although a key of one letter has the wrong type, and no key of the others is
    left."""
    batch, kept = letters()
    sender = Sender(redis)
    sent = await sender.send(1, batch, Held())
    await spoil(redis, what if isinstance(what, str) else kept[what])
    held = Held()
    entries = {one.position: one.entry_id or "" for one in sent}
    assert await sender.recall(1, batch, entries, held) == batch
    assert held.away == {}
    assert await redis.xlen(WRITES) == 0
    assert await redis.exists(*_others(batch)) == 0


async def test_a_ledger_of_another_type_holds_all(redis: Redis) -> None:
    """If the ledger's key has the wrong type, sending could not be counted, so nothing is sent; after the repair all
    letters are."""
    batch, _ = letters()
    await spoil(redis, LEDGER)
    held, sender = Held(), Sender(redis)
    with pytest.raises(Exception, match="WRONGTYPE"):
        await sender.send(1, batch, held)
    assert await redis.xlen(WRITES) == 0
    await redis.delete(LEDGER)
    assert len(await sender.send(1, batch, Held())) == 3
    assert await redis.hget(LEDGER, "replayed") == b"3"
