"""An entry that cannot work leaves the stream as a complete dead letter, at once or after bounded attempts, without
affecting its neighbours."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from holdfast.shared.queue.build import build
from tests.integration.conftest import StartWriter
from tests.servers import Database, RedisServer, wait_until
from tests.stream import Stream, new_user

POISON = {
    b"schema": b"1",
    b"command": b"CreateUser",
    b"operation_id": b"op-poison",
    b"user_id": b"u-poison",
    b"version": b"1",
    b"payload": b'{"name": "\xff\xfe", "mail": 1}',
    b"a field \x00 nobody knows": bytes(range(256)),
}


def original(letter: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the fields of the entry that became the dead letter."""
    prefix = b"original."
    return {name.removeprefix(prefix): value for name, value in letter.items() if name.startswith(prefix)}


@contextmanager
def altered(database: Database, alter: str, restore: str) -> Iterator[None]:
    """Alter the database, and restore it afterwards."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(alter)
        try:
            yield
        finally:
            cursor.execute(restore)


def test_an_undecodable_entry_is_dead_lettered_verbatim(stream: Stream, start_writer: StartWriter) -> None:
    """An undecodable entry is dead-lettered with all its bytes, and the good entries around it are applied."""
    before, after = new_user("before"), new_user("after")
    stream.accept([before])
    [entry_id] = stream.add_raw(POISON)
    stream.accept([after])
    start_writer()
    stream.wait_for_end([before, after])
    [letter] = stream.dead()
    assert original(letter) == POISON
    assert (letter[b"reason"], letter[b"entry_id"]) == (b"undecodable", entry_id.encode())
    assert len(letter[b"fingerprint"]) == 16
    assert stream.charged() == []


def test_whom_an_entry_wants_notified_keeps_nothing_on_the_stream(
    stream: Stream, start_writer: StartWriter, own_redis: RedisServer
) -> None:
    """A notification only saves time: an entry with a channel that the writer may not use is applied without delay, as
    are its neighbours."""
    before, wrong, after = new_user("before"), replace(new_user("wrong"), notify="news"), new_user("after")
    stream.accept([before, wrong, after])
    start_writer()
    stream.wait_for_end([before, wrong, after])
    assert (stream.dead(), own_redis.refused()) == ([], ["writer: news"])
    with own_redis.client() as client:
        client.acl_log_reset()


def test_what_the_schema_refuses_is_dead_lettered_alone(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """A write that is too long for a shortened column is found by halving the batch and dead-lettered alone, without
    personal data in its error."""
    short = [new_user(f"n{number}") for number in range(20)]
    long = new_user("much too long")
    stream.accept([*short[:7], long, *short[7:]])
    restore = "ALTER TABLE users MODIFY name VARCHAR(200) NOT NULL"
    with altered(own_database, "ALTER TABLE users MODIFY name VARCHAR(5) NOT NULL", restore):
        start_writer()
        stream.wait_for_end(short)
    [letter] = stream.dead()
    assert letter[b"reason"] == b"invalid_data"
    assert original(letter)[b"operation_id"] == long.operation_id.encode()
    assert b"much too long" not in letter[b"error"], "no personal data in an error"
    assert long.operation_id not in stream.ended()


def test_an_unknown_error_is_tried_five_times_and_then_dead_lettered(
    stream: Stream, start_writer: StartWriter, own_database: Database
) -> None:
    """A write with an unknown error is dead-lettered after five attempts, each listed with its time, writer, build and
    error, and its neighbours do not wait for it."""
    neighbours, unlucky = [new_user(), new_user()], new_user("Unlucky")
    stream.accept([neighbours[0], unlucky, neighbours[1]])
    trigger = (
        "CREATE TRIGGER unlucky BEFORE INSERT ON users FOR EACH ROW"
        " IF NEW.name = 'Unlucky' THEN SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 1644; END IF"
    )
    with altered(own_database, trigger, "DROP TRIGGER unlucky"):
        start_writer("writer-unlucky")
        stream.wait_for_end(neighbours)
    [letter] = stream.dead()
    assert letter[b"reason"] == b"attempts_exhausted"
    attempts = json.loads(letter[b"attempts"])
    assert len(attempts) == 5
    assert {attempt["writer"] for attempt in attempts} == {"writer-unlucky"}
    assert {attempt["build"] for attempt in attempts} == {build()}
    assert [attempt["at"] for attempt in attempts] == sorted(attempt["at"] for attempt in attempts)
    assert all(attempt["kind"] and attempt["traceback"] for attempt in attempts)
    assert stream.charged() == [], "they moved into the dead letter"


def test_a_mostly_poisoned_stream_halts_the_writer(stream: Stream, start_writer: StartWriter) -> None:
    """A writer whose entries are mostly poisoned stops dead-lettering, reports this at /readyz and loses nothing. It
    continues when an operator raises the limit."""
    good = [new_user() for _ in range(10)]
    stream.accept(good[:5])
    stream.add_raw(*[POISON | {b"number": str(number).encode()} for number in range(60)])
    stream.accept(good[5:])
    writer = start_writer(HOLDFAST_WRITER_DEAD_SHARE_OVER="40", HOLDFAST_WRITER_BATCH_MAX="10")
    wait_until(lambda: writer.metric("holdfast_writer_halted") == 1, what="the writer is halted")
    wait_until(lambda: not writer.ready(), what="it says so")
    wait_until(lambda: stream.backlog() + len(stream.dead()) + len(stream.ended()) == 70, what="nothing is lost")
    assert len(stream.dead()) < 40
    writer.stop()
    start_writer(HOLDFAST_WRITER_DEAD_SHARE_MAX="1")
    stream.wait_for_end(good)
    numbers = {original(letter)[b"number"] for letter in stream.dead()}
    assert len(numbers) == len(stream.dead()) == 60
