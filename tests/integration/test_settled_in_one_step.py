"""An entry that is dead-lettered is on the write stream or among the dead letters at every moment, whichever process
dies."""

from typing import Any

from redis import Redis as Looking
from redis.asyncio import Redis

from holdfast.services.writer.dead_share import DeadShare
from holdfast.services.writer.deferred import Deferred
from holdfast.services.writer.halting import Halting
from holdfast.services.writer.pipeline import Handled
from holdfast.services.writer.settle import Settler
from holdfast.shared.connections.redis import entries
from holdfast.shared.queue.codec import decode
from holdfast.shared.queue.entry import Entry
from holdfast.shared.queue.names import DEAD, WRITERS_GROUP, WRITES
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Dead, Failure, Reason
from tests.servers import Database, RedisServer
from tests.stream import Stream, new_user, undisputed
from tests.users import EMAILS

_OUTCOME = Dead(Reason.INVALID_DATA, Failure("BadData", "BAD_DATA", "refused"))


class Watched(Redis):
    """A client that records, before and after each command, on which streams the entry is."""

    looking: Looking
    seen: set[tuple[int, int]]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Return the answer of Redis."""
        self.look()
        answer = await super().execute_command(*args, **options)
        self.look()
        return answer

    def look(self) -> None:
        """Record the lengths of both streams."""
        self.seen.add((int(self.looking.xlen(WRITES)), int(self.looking.xlen(DEAD))))


def settler(redis: Redis, deferred: Deferred | None = None, *, attempts_max: int = 5) -> Settler:
    """Return the settler of one writer."""
    deferred = deferred or Deferred(1, base_s=1, cap_s=1)
    halting = Halting(DeadShare(1.0, 1000, pause_max_s=1), deferred, lambda: False)
    return Settler(redis, deferred, halting, undisputed, writer="me", attempts_max=attempts_max, probe_cap_s=1)


def given(looking: Looking) -> Entry:
    """Deliver the only entry to a writer and return it."""
    looking.xgroup_create(WRITES, WRITERS_GROUP, id="0", mkstream=True)
    given: Any = looking.xreadgroup(WRITERS_GROUP, "me", {WRITES: ">"})
    [(entry_id, fields)] = entries(given[0][1])
    return Entry(entry_id, fields)


async def test_it_is_always_in_one_place(clean_redis: RedisServer) -> None:
    """An entry that is dead-lettered is always on exactly one of the two streams."""
    with clean_redis.client() as looking:
        looking.xadd(WRITES, {"schema": "2", "operation_id": "some"})
        redis = Watched(port=clean_redis.port)
        redis.looking, redis.seen = looking, set()
        await settler(redis)([Handled(given(looking), None, _OUTCOME)])
        await redis.aclose()
        redis.look()
        assert (0, 1) in redis.seen <= {(1, 0), (0, 1)}


async def test_its_unique_values_stay_its_own(clean_redis: RedisServer, clean_database: Database) -> None:
    """A dead letter keeps the claims of its unique values, because a replay needs them."""
    candidate = new_user(email="ann@example.com")
    Stream(clean_redis, clean_database).accept([candidate])
    with clean_redis.client() as looking:
        claimed = looking.hgetall(EMAILS)
        assert claimed
        entry = given(looking)
        redis = Redis(port=clean_redis.port)
        delivery = Delivery(decode(entry.fields, entry.id), entry.id)
        await settler(redis)([Handled(entry, delivery, _OUTCOME)])
        await redis.aclose()
        assert looking.xlen(DEAD) == 1
        assert looking.hgetall(EMAILS) == claimed
