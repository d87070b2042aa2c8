"""A failed attempt is charged to an entry that is on the stream, and to no other."""

from redis.asyncio import Redis

from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.names import OPERATION
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Failure, Retry
from tests.integration.test_settled_in_one_step import given, settler
from tests.servers import Database, RedisServer
from tests.stream import Stream, new_user

_FAILED = Retry(Failure("Bug", "UNKNOWN", "nobody expected it"))


async def test_what_another_writer_has_ended(clean_redis: RedisServer, clean_database: Database) -> None:
    """A failed attempt, even the last one, at an entry that another writer has ended restores neither its operation nor
    its attempts, adds no dead letter and does not defer the entry."""
    Stream(clean_redis, clean_database).accept([new_user()])
    with clean_redis.client() as looking:
        entry = given(looking)
        delivery = Delivery(decode(entry.fields, entry.id), entry.id)
        async with Redis(port=clean_redis.port) as redis:
            await settler(redis)([Handled(entry, delivery, Applied(1))])
            for attempts_max in (1, 5):
                deferred = Deferred(1, base_s=1, cap_s=1)
                deferred.for_backoff(entry, 1)
                await settler(redis, deferred, attempts_max=attempts_max)([Handled(entry, delivery, _FAILED)])
                assert deferred.held() == []
        assert not [*looking.keys("*:op:*"), *looking.keys("*:attempts:*"), *looking.keys("*:dead")]


async def test_what_is_charged_is_shown(clean_redis: RedisServer, clean_database: Database) -> None:
    """The operation of a deferred entry shows the number of its attempts and the last error."""
    candidate = new_user()
    Stream(clean_redis, clean_database).accept([candidate])
    with clean_redis.client() as looking:
        entry = given(looking)
        delivery, deferred = Delivery(decode(entry.fields, entry.id), entry.id), Deferred(1, base_s=1, cap_s=1)
        async with Redis(port=clean_redis.port) as redis:
            for _ in range(2):
                await settler(redis, deferred)([Handled(entry, delivery, _FAILED)])
        assert deferred.held() == [entry.id]
        assert looking.hmget(OPERATION + candidate.operation_id, "attempts", "error") == [b"2", b"nobody expected it"]
