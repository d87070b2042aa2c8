"""Ended operations are counted once: a reading equals a full count, whichever process writes, closes, freezes or is
killed."""

import os
import random
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pymysql
import pytest
import sqlalchemy as sa

from holdfast.shared.faults import Fault, Unexplained
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.store.closing import close
from holdfast.shared.store.counts import OperationCounts, counts_in, operation_counts
from holdfast.shared.store.engine import Engine, make_engine
from tests.servers import PATIENT_DATABASE, Database, wait_until

_ROWS = 3000
_NEWEST = 1_000_000
_INSERT = (
    "INSERT INTO operations (operation_id, resource, entity_id, command, version, effect, entity_version, entry_id,"
    " ended_at)"
    " VALUES (%s, 'users', 'user', 'CreateUser', %s, %s, 0, %s, NOW(6))"
)
_FULL = sa.text(
    "SELECT COALESCE(SUM(effect != 'rejected'), 0), COALESCE(SUM(effect = 'rejected'), 0),"
    " COALESCE(SUM(entry_id IS NULL), 0) FROM operations WHERE entry_id IS NULL OR version <= :cut"
)
_CLOSER = (
    "import sys\n"
    "from holdfast.shared.store.closing import close\n"
    "from holdfast.shared.store.engine import Timeouts, make_engine\n"
    "engine = make_engine(sys.argv[1], Timeouts(5, 5, 20, 5), 1)\n"
    "print('ready', flush=True)\n"
    "while True: close(engine, int(sys.argv[2]), 7)\n"
)


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 12)
    yield made
    made.dispose()


def _row(chance: random.Random, number: int) -> tuple[str, int, str, str | None]:
    """Return a row with a random version, so that most rows are older than many closed ones."""
    effect = chance.choice(["applied", "applied", "superseded", "rejected"])
    return f"op-{number}", chance.randint(1, _NEWEST), effect, chance.choice([None, "1-1", "2-2"])


def _agrees(engine: Engine, cut: int) -> OperationCounts:
    """Check that a reading equals a full count in the same snapshot, and return it."""
    with engine.execution_options(isolation_level="REPEATABLE READ").begin() as connection:
        counts = counts_in(connection, (cut,))
        applied, rejected, direct = connection.execute(_FULL, {"cut": cut}).one()
    assert (counts.applied, counts.rejected, counts.direct) == (applied, rejected, direct), cut
    return counts


def _write(database: Database, seed: int, numbers: range) -> None:
    """Insert rows in transactions of random size; some pause before they commit, and some are rolled back and
    repeated."""
    chance = random.Random(seed)
    left = [_row(chance, number) for number in numbers]
    with database.connect() as connection, connection.cursor() as cursor:
        while left:
            batch, left = left[: (size := chance.choice([1, 3, 40]))], left[size:]
            connection.begin()
            for row in batch:
                cursor.execute(_INSERT, row)
            if chance.random() < 0.2:
                connection.rollback()
                left += batch
            else:
                cursor.execute("SELECT SLEEP(%s)", (chance.choice([0, 0, 0, 0.02]),))
                connection.commit()


def test_every_reading_is_a_full_count(engine: Engine, database: Database) -> None:
    """Every reading equals a full count while writers and closers run concurrently and closers are killed, one process
    by SIGKILL and sessions in the middle of a statement."""
    over = threading.Event()
    per_writer = _ROWS // 3

    def until_over(step: Callable[[random.Random], object], seed: int) -> int:
        chance, made = random.Random(seed), 0
        while not over.is_set():
            step(chance)
            made += 1
        return made

    def close_some(chance: random.Random) -> None:
        with suppress(Fault):  # this closer's session was killed
            close(engine, chance.choice([_NEWEST, _NEWEST, chance.randint(1, _NEWEST)]), chance.choice([1, 20, 200]))

    def kill_a_closer(chance: random.Random) -> None:
        with database.connect(user="root", database=None) as root, root.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE info LIKE 'UPDATE operations SET closed%'"
            )
            for (session,) in cursor.fetchall():
                with suppress(pymysql.err.MySQLError):  # the session has already ended
                    cursor.execute(f"KILL {session}")

    def kill_nine(_: random.Random) -> None:
        command = [sys.executable, "-c", _CLOSER, database.dsn, str(_NEWEST)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as closer:
            assert closer.stdout
            assert closer.stdout.readline() == b"ready\n"
            over.wait(0.05)
            os.kill(closer.pid, signal.SIGKILL)

    with ThreadPoolExecutor(10) as threads:
        readers = [threads.submit(until_over, lambda chance: _agrees(engine, chance.randint(0, _NEWEST)), at)
                   for at in range(2)]  # fmt: skip
        others = [threads.submit(until_over, step, at) for at, step in
                  enumerate([close_some, close_some, kill_a_closer, kill_nine])]  # fmt: skip
        writers = [threads.submit(_write, database, at, range(at * per_writer, (at + 1) * per_writer))
                   for at in range(3)]  # fmt: skip
        try:
            for writer in writers:
                writer.result(120)
        finally:
            over.set()
        assert all(reader.result(120) > 3 for reader in readers)
        assert all(other.result(120) > 0 for other in others)
    while close(engine, _NEWEST, 500):
        pass
    counts = _agrees(engine, _NEWEST)
    assert (counts.open, counts.applied + counts.rejected) == (0, _ROWS)
    assert _agrees(engine, _NEWEST // 2).open == 0


def test_a_frozen_writer_holds_nobody_up(engine: Engine, database: Database) -> None:
    """A closer neither counts nor waits for the uncommitted row of a frozen writer, and the row is counted once it
    commits, although its version is old by then."""
    with database.connect() as frozen, frozen.cursor() as cursor:
        frozen.begin()
        cursor.execute(_INSERT, ("late", 5, "applied", "1-1"))
        with database.connect() as other, other.cursor() as quick:
            quick.execute(_INSERT, ("soon", 6, "rejected", "1-1"))
        assert close(engine, 10, 100) == 1
        assert _agrees(engine, 10).totals.rejected == 1
        frozen.commit()
    assert _agrees(engine, 10).open == 1
    assert close(engine, 10, 100) == 1
    assert (_agrees(engine, 10).applied, _agrees(engine, 4).applied) == (1, 0)


def test_what_is_newer_than_the_cut_is_not_closed(engine: Engine, database: Database) -> None:
    """A closer leaves operations that are newer than the cut open, so that readings in progress seldom have to
    subtract; a reading at an older cut subtracts correctly."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(_INSERT, [(f"op-{version}", version, "applied", "1-1") for version in range(1, 11)])
    assert close(engine, 7, 100) == 7
    assert [operation_counts(engine, cut).applied for cut in (0, 3, 7, 8, 10, 99)] == [0, 3, 7, 8, 10, 10]


def test_steps_that_are_killed_leave_nothing_half_done(engine: Engine, database: Database) -> None:
    """When a closing step fails before any of its statements, neither the marks nor the totals have changed."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(_INSERT, [_row(random.Random(number), number) for number in range(50)])
    for last in range(4):
        statements = 0

        def stop(*_: object, last: int = last) -> None:
            nonlocal statements
            statements += 1
            if statements > last:
                raise ConnectionError("killed")

        sa.event.listen(engine, "before_cursor_execute", stop)
        with pytest.raises(Unexplained, match="ConnectionError"):
            close(engine, _NEWEST, 30)
        sa.event.remove(engine, "before_cursor_execute", stop)
        assert _agrees(engine, _NEWEST).open == 50
    assert close(engine, _NEWEST, 100) == 50
    wait_until(lambda: _agrees(engine, _NEWEST).open == 0)


def test_an_operation_counts_in_the_partition_of_its_entity(engine: Engine, database: Database) -> None:
    """Every operation, closed or open and with any version (a manually added entry may have any), counts in its
    entity's partition; MySQL and Python compute the same partition."""
    chance, parts = random.Random(3), Partitions(4)
    rows = [(number, str(uuid.UUID(int=chance.getrandbits(128))), chance.randint(1, _NEWEST)) for number in range(300)]
    with database.connect() as connection, connection.cursor() as cursor:
        for number, entity, version in rows:
            cursor.execute(_INSERT.replace("'user'", "%s"), (f"op-{number}", entity, version, "applied", "1-1"))
        connection.commit()
    for closed_to in (0, _NEWEST // 2):
        close(engine, closed_to, _ROWS)
        cuts = [chance.randint(1, _NEWEST) for _ in parts]
        with engine.begin() as reader:
            counts = counts_in(reader, cuts)
        assert counts.applied == sum(version <= cuts[parts.of(entity).number] for _, entity, version in rows)
