"""Outages: the writer holds, stays ready, charges no attempt, and continues on its own when the fault has ended."""

import time
from collections.abc import Callable

import pytest

from tests.integration.conftest import StartWriter
from tests.processes import Service
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream, change, new_user


def silent(writer: Service) -> bool:
    """Return whether the writer's reader has had no answer from Redis for longer than an answer may take."""
    return time.time() - writer.metric("holdfast_last_progress_timestamp_seconds") > 2


def holds(writer: Service) -> bool:
    """Return whether the writer holds for the database."""
    return writer.metric('holdfast_holding{dependency="database"}') == 1


def assert_nobody_paid(stream: Stream) -> None:
    """Check that the outage charged no attempt and led to no dead letter."""
    assert stream.charged() == []
    assert stream.dead() == []


@pytest.fixture
def writer(start_writer: StartWriter, stream: Stream) -> Service:
    """A writer that has applied a write."""
    writer = start_writer()
    first = new_user()
    stream.accept([first])
    stream.wait_for_end([first])
    return writer


def test_a_restarted_redis(writer: Service, stream: Stream, own_redis: RedisServer) -> None:
    """After Redis is killed and started, writes are applied, and the writer is ready throughout."""
    own_redis.kill()
    assert writer.ready()
    own_redis.start()
    users = [new_user() for _ in range(5)]
    stream.accept(users)
    stream.wait_for_end(users)
    assert writer.ready()
    assert_nobody_paid(stream)


def test_a_redis_that_froze(writer: Service, stream: Stream, own_redis: RedisServer) -> None:
    """While Redis is frozen, reads time out and the writer stays ready; after the thaw no entry is stranded, whichever
    consumer it was delivered to."""
    own_redis.freeze()
    wait_until(lambda: silent(writer), what="the writer notices")
    assert writer.ready()
    own_redis.thaw()
    users = [new_user() for _ in range(5)]
    stream.accept(users)
    stream.wait_for_end(users)
    assert_nobody_paid(stream)


def test_a_flushed_redis(writer: Service, stream: Stream, own_redis: RedisServer) -> None:
    """After Redis is flushed, the writer creates its group again from the beginning of the new stream."""
    made = writer.metric("holdfast_groups_recreated_total")
    with own_redis.client() as client:
        client.flushall()
    users = [new_user() for _ in range(5)]
    stream.accept(users)
    stream.wait_for_end(users)
    assert writer.metric("holdfast_groups_recreated_total") > made
    assert_nobody_paid(stream)


@pytest.mark.parametrize(
    ("breaks", "mends"),
    [(Database.kill, Database.start), (Database.freeze, Database.thaw)],
    ids=["killed", "frozen"],
)
def test_a_database_that_is_away(
    writer: Service,
    stream: Stream,
    own_database: Database,
    breaks: Callable[[Database], None],
    mends: Callable[[Database], None],
) -> None:
    """While the database is away, writes stay on the stream uncharged; afterwards they are applied in order."""
    breaks(own_database)
    user = new_user("first")
    later = [change(user.entity_id, name=f"name {number}") for number in range(3)]
    stream.accept([user])
    wait_until(lambda: holds(writer), what="the writer holds")
    for one in later:
        stream.accept([one])
    assert writer.ready()
    assert stream.backlog() == 4
    mends(own_database)
    stream.wait_for_end([user, *later])
    wait_until(lambda: not holds(writer), what="it goes on")
    assert_nobody_paid(stream)
    with own_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM users WHERE id = %s", (user.entity_id,))
        assert cursor.fetchone() == ("name 2",)


def test_entries_held_in_an_outage_are_no_crash_loop(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """Entries of writers that are killed while they wait for the database are not treated as a crash loop."""
    own_database.kill()
    user = new_user()
    stream.accept([user])
    for number in range(3):
        writer = start_writer(f"writer-{number}")
        wait_until(
            lambda writer=writer: holds(writer) and [one["times_delivered"] for one in stream.pending()] == [1],
            what="it holds what the one before it held, and has logged it",
        )
        writer.kill()
    own_database.start()
    start_writer("writer-last")
    stream.wait_for_end([user])
    assert_nobody_paid(stream)
