"""SIGTERM: entries in hand are finished or released, and the exit code is 0."""

import json

from tests.integration.conftest import StartWriter
from tests.integration.test_writer_dead_letters import altered
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream, new_user


def test_a_stopped_writer_finishes_the_batch_in_hand(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """A stopped writer acknowledges what it has committed, and releases entries that it has fetched but not begun, with
    no delivery counted."""
    users = [new_user() for _ in range(2000)]
    for at in range(0, len(users), 500):
        stream.accept(users[at : at + 500])
    slow = "CREATE TRIGGER slow BEFORE INSERT ON users FOR EACH ROW SET @slept = SLEEP(0.01)"
    with altered(own_database, slow, "DROP TRIGGER slow"):  # a batch takes 0.2 s, all of them 20 s
        writer = start_writer(HOLDFAST_WRITER_BATCH_MAX="20", HOLDFAST_DRAIN_S="60")
        wait_until(stream.ended, what="the first batch")
        assert writer.stop() == 0
    assert stream.backlog() > 0, "it was in the middle of its work"
    assert {entry["times_delivered"] for entry in stream.pending()} <= {0}
    assert len(stream.ended()) + stream.backlog() == len(users)
    start_writer("writer-2")
    stream.wait_for_end(users)
    assert stream.dead() == []


def test_a_writer_that_holds_for_the_database_can_be_stopped(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """A writer that is stopped while it holds releases its entries at once and uncharged, so that the next writer takes
    them over immediately."""
    writer = start_writer(HOLDFAST_DRAIN_S="60")
    own_database.kill()
    users = [new_user() for _ in range(3)]
    stream.accept(users)
    wait_until(lambda: writer.metric('holdfast_holding{dependency="database"}') == 1, what="the writer holds")
    assert writer.stop() == 0
    assert [entry["times_delivered"] for entry in stream.pending()] == [0, 0, 0]
    own_database.start()
    start_writer("writer-2")
    stream.wait_for_end(users)


def test_a_writer_that_is_stopped_reports_no_error(start_writer: StartWriter) -> None:
    """A writer that is stopped logs one shutdown of its health server and no error."""
    writer = start_writer()
    assert writer.stop() == 0
    log = [json.loads(line) for line in writer.log.read_text().splitlines()]
    assert [line["event"] for line in log].count("Shutting down") == 1
    assert [line for line in log if line["level"] == "error"] == []


def test_a_writer_without_redis_can_be_stopped(start_writer: StartWriter, own_redis: RedisServer) -> None:
    """A writer can be stopped during an outage of the queue."""
    writer = start_writer()
    with own_redis.client() as queue:
        wait_until(lambda: any(each["cmd"] == "xreadgroup" for each in queue.client_list()), what="it reads")
    own_redis.kill()
    wait_until(lambda: "reader" in writer.log.read_text() or "Error" in writer.log.read_text(), what="it has noticed")
    assert writer.stop() == 0


def test_a_writer_that_never_saw_redis_can_be_stopped(start_writer: StartWriter, own_redis: RedisServer) -> None:
    """A writer can be stopped while it waits for the first answer of the queue."""
    own_redis.kill()
    assert start_writer().stop() == 0
