"""An entry that fails on its own does not block others: a key of a wrong type was put by hand in place of its own
key."""

import asyncio
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from redis import Redis as Looking
from redis.asyncio import Redis

from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled
from holdfast.services.writer.reclaim import Reclaimer
from holdfast.shared.connections.redis import entries
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import ATTEMPTS, DEAD, LEDGER, OPERATION, WRITERS_GROUP, WRITES
from holdfast.shared.queue.partitions import ONE, QUEUE
from holdfast.shared.queue.pending import oldest_pending
from holdfast.shared.writes.commands import Ref
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Failure, Outcome, Reason, Retry
from tests.integration.test_settled_in_one_step import settler
from tests.servers import Database, RedisServer
from tests.stream import Stream, new_user
from tests.users import EMAILS, PENDING

_DEAD = Dead(Reason.INVALID_DATA, Failure("BadData", "BAD_DATA", "refused"))
_FAILED = Retry(Failure("Bug", "UNKNOWN", "nobody expected it"))


def delivered(looking: Looking, stream: Stream, count: int) -> list[Handled]:
    """Accept new writes and deliver them to a writer. Returns them as applied."""
    stream.accept([new_user() for _ in range(count)])
    looking.xgroup_create(WRITES, WRITERS_GROUP, id="0", mkstream=True)
    answer: Any = looking.xreadgroup(WRITERS_GROUP, "me", {WRITES: ">"})
    read = [Entry(entry_id, fields) for entry_id, fields in entries(answer[0][1])]
    return [Handled(entry, Delivery(decode(entry.fields, entry.id), entry.id), Applied(1)) for entry in read]


def spoil(looking: Looking, name: str) -> None:
    """Replace a key by one of another type."""
    looking.delete(name)
    looking.set(name, "of another type")


def kept_for(one: Handled) -> dict[str, str]:
    """Return the keys that are kept for one entry."""
    assert one.delivery
    pending = PENDING + one.delivery.write.entity_id
    return {"pending": pending, "operation": OPERATION + one.operation_id, "attempts": ATTEMPTS + one.entry.id}


@pytest.mark.parametrize("outcome", [Applied(1), _DEAD, _FAILED], ids=["applied", "dead", "retry"])
@pytest.mark.parametrize("what", ["pending", "operation", "attempts"])
async def test_what_is_kept_beside_the_stream(
    clean_redis: RedisServer, clean_database: Database, what: str, outcome: Outcome
) -> None:
    """When one of an entry's keys has another type, all entries of the batch still leave with their own outcomes, and a
    failed attempt is still charged."""
    with clean_redis.client() as looking:
        batch = delivered(looking, Stream(clean_redis, clean_database), 3)
        spoil(looking, kept_for(batch[1])[what])
        batch[1] = batch[1]._replace(outcome=outcome)
        deferred = Deferred(1, base_s=60, cap_s=60)
        async with Redis(port=clean_redis.port) as redis:
            await settler(redis, deferred)(batch)
        assert looking.xlen(DEAD) == (outcome is _DEAD)
        still = [batch[1].entry.id] if outcome is _FAILED else []
        assert [id.decode() for id, _ in looking.xrange(WRITES)] == still == deferred.held()
        if outcome is not _FAILED:
            assert looking.xpending(WRITES, WRITERS_GROUP)["pending"] == 0
            assert not looking.keys(ATTEMPTS + "*")


async def test_claims_of_another_type(clean_redis: RedisServer, clean_database: Database) -> None:
    """Entries leave the stream even if the key of their claims has another type."""
    with clean_redis.client() as looking:
        batch = delivered(looking, Stream(clean_redis, clean_database), 3)
        spoil(looking, EMAILS)
        async with Redis(port=clean_redis.port) as redis:
            await settler(redis)(batch)
        assert looking.xlen(WRITES) == 0


@pytest.mark.parametrize(
    ("where", "outcome"),
    [(DEAD, _DEAD), (LEDGER, Duplicate(redelivered=False, first=Applied(1), direct=False))],
    ids=["dead letters", "ledger"],
)
async def test_an_entry_that_cannot_leave_stays_alone(
    clean_redis: RedisServer, clean_database: Database, where: str, outcome: Outcome
) -> None:
    """An entry that cannot leave stays pending and deferred alone, while its neighbours leave, and leaves once it
    can."""
    with clean_redis.client() as looking:
        batch = delivered(looking, Stream(clean_redis, clean_database), 3)
        spoil(looking, where)
        batch[1] = batch[1]._replace(outcome=outcome)
        deferred = Deferred(1, base_s=60, cap_s=60)
        async with Redis(port=clean_redis.port) as redis:
            settle = settler(redis, deferred)
            await settle(batch)
            assert [id.decode() for id, _ in looking.xrange(WRITES)] == [batch[1].entry.id] == deferred.held()
            assert looking.xpending(WRITES, WRITERS_GROUP)["pending"] == 1
            looking.delete(where)
            await settle(batch[1:2])
        assert looking.xlen(WRITES) == 0
        assert deferred.held() == []
        assert looking.xlen(DEAD) == (outcome is _DEAD)


async def test_what_cannot_be_read_is_waited_for_with_patience(clean_redis: RedisServer) -> None:
    """An entity whose pending writes cannot be read has 0 as its oldest version, and the oldest versions of other
    entities are still found."""
    one, other = Ref("users", str(uuid.uuid4())), Ref("users", str(uuid.uuid4()))
    with clean_redis.client() as looking:
        spoil(looking, PENDING + one.id)
        looking.hset(PENDING + other.id, mapping={"op": "7 create_user {}", "last": "op"})
    async with Redis(port=clean_redis.port) as redis:
        assert await oldest_pending(redis, [one, other], ONE) == {one: 0, other: 7}


async def test_what_is_silent_is_taken_over_beside_it(clean_redis: RedisServer, clean_database: Database) -> None:
    """When an entry's attempts cannot be counted, they count as none, and all entries of the page are taken over."""
    with clean_redis.client() as looking:
        batch = delivered(looking, Stream(clean_redis, clean_database), 3)
        spoil(looking, kept_for(batch[1])["attempts"])
        ids = [one.entry.id for one in batch]
        taken: list[str] = []

        class Taking(Reclaimer):
            async def take(self, ids: list[str]) -> None:
                taken.extend(ids)
                raise asyncio.CancelledError

        unused: Any = SimpleNamespace(ids=set(), in_hand=set(), held=list)
        async with Redis(port=clean_redis.port) as redis:
            with pytest.raises(asyncio.CancelledError):
                await Taking(redis, "me", *[unused] * 6, idle_s=0, crashes_max=3, partition=QUEUE).run()
    assert taken == ids
