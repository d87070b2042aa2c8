"""Every entry on the stream is processed, whatever became of the pending list."""

import random
from pathlib import Path

from redis import Redis

from holdfast.shared.queue.names import DEAD, DLQ_GROUP, WRITERS_GROUP, WRITES
from tests import processes
from tests.integration.conftest import StartWriter
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream, change, new_user


def read_as(redis: Redis, consumer: str, count: int, stream: str = WRITES, group: str = WRITERS_GROUP) -> None:
    """Deliver entries to a consumer that never settles them."""
    redis.xreadgroup(group, consumer, {stream: ">"}, count=count)


def test_entries_in_nobodys_pending_list_are_applied(
    stream: Stream, start_writer: StartWriter, own_redis: RedisServer
) -> None:
    """Entries outside all pending lists are applied exactly once, whether their consumer was deleted, the group was
    moved past them, or they were acknowledged by hand. Only such entries are counted as orphans."""
    drawn = random.Random(7)
    users = [new_user() for _ in range(30)]
    stream.accept(users)
    with own_redis.client() as redis:
        redis.xgroup_create(WRITES, WRITERS_GROUP, "0")
        read_as(redis, "gone", 8)
        redis.xgroup_delconsumer(WRITES, WRITERS_GROUP, "gone")
        read_as(redis, "dead", 8)
        acknowledged = drawn.sample([entry["message_id"] for entry in stream.pending()], 3)
        redis.xack(WRITES, WRITERS_GROUP, *acknowledged)
        passed = redis.xrange(WRITES)[19][0]
        redis.xgroup_setid(WRITES, WRITERS_GROUP, passed)
    writer = start_writer()
    stream.wait_for_end(users)
    assert stream.dead() == []
    wait_until(lambda: writer.metric('holdfast_orphans_total{stream="writes"}') == 8 + 3 + 4, what="counted")


def test_an_orphan_found_while_its_writer_works_takes_effect_once(
    stream: Stream, start_writer: StartWriter, own_redis: RedisServer
) -> None:
    """While consumers are repeatedly deleted under two running writers, every write ends exactly once and in order."""
    for name in ("writer-1", "writer-2"):
        start_writer(name)
    users = [new_user() for _ in range(60)]
    changes = [change(user.entity_id, name="changed") for user in users]
    with own_redis.client() as redis:
        for at in range(0, 60, 10):
            stream.accept([*users[at : at + 10], *changes[at : at + 10]])
            for consumer in redis.xinfo_consumers(WRITES, WRITERS_GROUP):
                redis.xgroup_delconsumer(WRITES, WRITERS_GROUP, consumer["name"])
    stream.wait_for_end([*users, *changes])
    assert stream.dead() == []


def test_dead_letters_in_nobodys_pending_list_are_indexed(
    own_redis: RedisServer, own_database: Database, tmp_path: Path, stream: Stream, start_writer: StartWriter
) -> None:
    """A dead letter whose consumer was deleted is indexed, too."""
    [_] = stream.add_raw({"schema": "1", "command": "InvalidFaults"})
    start_writer()
    wait_until(lambda: stream.dead(), what="dead-lettered")
    with own_redis.client() as redis:
        read_as(redis, "gone", 10, DEAD, DLQ_GROUP)
        redis.xgroup_delconsumer(DEAD, DLQ_GROUP, "gone")
        service = processes.dlq_admin(tmp_path, own_redis.address, own_database.dsn).start()
        try:
            wait_until(lambda: redis.xlen(DEAD) == 0, what="indexed")
        finally:
            service.kill()
