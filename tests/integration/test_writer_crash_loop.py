"""An entry that kills its writer is identified, and does not take its neighbours with it."""

from redis import Redis

from holdfast.shared.queue.names import TAKEN_OVER, WRITERS_GROUP, WRITES
from tests.integration.conftest import StartWriter
from tests.servers import RedisServer, wait_until
from tests.stream import Stream, new_user


def test_an_entry_that_kills_three_writers_is_dead_lettered(stream: Stream, start_writer: StartWriter) -> None:
    """An entry that kills three writers is dead-lettered as a crash loop, and the entries of its batches are
    applied."""
    neighbours, killer = [new_user() for _ in range(6)], new_user("Killer")
    stream.accept([*neighbours[:3], killer, *neighbours[3:]])
    deaths = 0
    for number in range(5):
        writer = start_writer(f"writer-{number}", "tests.integration.killed_by_name", wait=False)
        wait_until(lambda: stream.backlog() == 0 or not writer.running, what="the end of the stream or the writer")  # noqa: B023
        if stream.backlog() == 0:
            break
        deaths += 1
    stream.wait_for_end(neighbours)
    [letter] = stream.dead()
    assert letter[b"reason"] == b"crash_loop"
    assert letter[b"original.operation_id"] == killer.operation_id.encode()
    assert deaths == 3
    assert killer.operation_id not in stream.ended()


def test_claims_by_hand_are_no_evidence(stream: Stream, start_writer: StartWriter, own_redis: RedisServer) -> None:
    """Entries that a client claims repeatedly, under its own name and under a writer's, are applied, because only
    deliveries to writers count."""
    users = [new_user() for _ in range(6)]
    stream.accept(users)
    with own_redis.client() as redis:
        redis.xgroup_create(WRITES, WRITERS_GROUP, id="0")
        redis.xreadgroup(WRITERS_GROUP, "writer-1", {WRITES: ">"}, count=3)
        redis.xreadgroup(WRITERS_GROUP, "a stranger", {WRITES: ">"})
        _claim_all(redis, "a stranger")
        _claim_all(redis, "writer-1")
        assert {one["times_delivered"] for one in stream.pending()} == {11}
        start_writer()
        stream.wait_for_end(users)
        assert stream.dead() == []
        wait_until(lambda: not redis.exists(TAKEN_OVER), what="nothing is kept of what has ended")


def test_an_entry_that_kills_writers_is_found_beside_claims_by_hand(
    stream: Stream, start_writer: StartWriter, own_redis: RedisServer
) -> None:
    """An entry that kills writers is dead-lettered after three crashes, also if a client claims the entries between the
    crashes."""
    neighbour, killer = new_user(), new_user("Killer")
    stream.accept([neighbour, killer])
    deaths = 0
    with own_redis.client() as redis:
        for number in range(5):
            writer = start_writer(f"writer-{number}", "tests.integration.killed_by_name", wait=False)
            wait_until(lambda: stream.backlog() == 0 or not writer.running, what="the end of the stream or the writer")  # noqa: B023
            if stream.backlog() == 0:
                break
            deaths += 1
            _claim_all(redis, "a stranger")
    stream.wait_for_end([neighbour])
    [letter] = stream.dead()
    assert letter[b"reason"] == b"crash_loop"
    assert deaths == 3


def _claim_all(redis: Redis, consumer: str) -> None:
    for _ in range(5):
        redis.xautoclaim(WRITES, WRITERS_GROUP, consumer, 0)
