"""What can be wrong with the models: what is lost is what was said, and all of it."""

import hashlib
from contextlib import suppress
from random import Random
from typing import Any

import pymysql
import pytest

from tests.contracts.redis_draws import Draw
from tests.models.database_server import DatabaseModel
from tests.models.redis import history
from tests.models.redis.reply import Failure
from tests.models.redis_server import RedisModel

_ADDS = b"#!lua\nreturn redis.call('SET', KEYS[1], ARGV[1])"


class _Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


def _seen(model: RedisModel) -> Any:
    values, expires = model.space.contents()
    return repr(sorted(values.items())), sorted(expires.items())


@pytest.mark.parametrize("seed", range(5))
def test_redis_goes_back(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Redis that loses its last seconds has exactly the contents of that moment, whatever was done, refused or run as
    a script since."""
    monkeypatch.setattr(history, "_COMMANDS_PER_CHAPTER", 7)
    clock, chance, draw = _Clock(), Random(seed), Draw(seed)
    model = RedisModel(clock)
    past = []
    for number in range(60):
        if number % 9 == 0:
            chance.choice((model.fill, model.read_only, model.loading))(chance.random() < 0.5)
        if number % 20 == 0:
            model.restart()
            with suppress(Failure):
                model.run([b"SCRIPT", b"LOAD", _ADDS])
        sha = hashlib.sha1(_ADDS, usedforsecurity=False).hexdigest().encode()
        script = [b"EVALSHA", sha, b"1", b"k", b"%d" % number]
        with suppress(Failure):  # an error is a reply as well
            model.run(script if number % 4 == 0 else [word.encode() for word in draw.command()])
        past.append((clock.now_s, _seen(model)))
        clock.now_s += chance.choice([0.1, 0.2])
    then_s, wanted = past[chance.randrange(len(past))]
    model.lose_last(clock.now_s - then_s - 0.01)
    assert _seen(model) == wanted
    model.wipe()
    assert model.space.names() == []


@pytest.mark.parametrize("seed", range(5))
def test_what_a_replica_has_survives_a_failover(seed: int) -> None:
    """After a failover exactly the writes that the replica had survive, however late it is and however often it is cut
    off. The old primary keeps everything for the clients that are left with it, has no replica, and ends at the next
    failover at the latest."""
    clock, chance = _Clock(), Random(seed)
    model = RedisModel(clock)
    model.replication.delay_s = chance.choice([0.05, 0.5])
    written: list[tuple[bytes, float]] = []
    for number in range(60):
        chance.choice([model.replication.cut, model.replication.mend, lambda: None, lambda: None])()
        model.run([b"SET", b"%d" % number, b"1"])
        written.append((b"%d" % number, clock.now_s))
        clock.now_s += chance.choice([0.0, 0.02, 0.2])
    had = [name for name, at_s in written if model.replication.count(at_s)]
    model.fail_over(["10.0.0.7"])
    assert sorted(model.space.names()) == sorted(had)
    old = model.reached_by("10.0.0.7")
    assert sorted(old.space.names()) == sorted(name for name, _ in written)
    assert old.replication.count(0.0) == 0
    end = chance.choice([model.reunite, model.fail_over, lambda: model.fail_over(["10.0.0.8"])])
    end()
    assert (model.reached_by("10.0.0.7"), old.dead) == (model, True)


@pytest.fixture
def clock() -> _Clock:
    """The database's clock."""
    return _Clock()


@pytest.fixture
def database(clock: _Clock) -> DatabaseModel:
    """The database model."""
    return DatabaseModel(clock, Random(1))


def test_who_is_killed_while_it_waits_locks_nothing(database: DatabaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that is killed while it waits for a lock does not get the lock, which would never be released."""
    transactions, key = database.transactions, ("users", "PRIMARY", "1")
    holder, waiter = transactions.begin(), transactions.begin()
    transactions.lock(holder, [key], None)

    def killed(*_: object) -> bool:
        transactions.kill(waiter)
        transactions.roll_back(holder)
        return True

    monkeypatch.setattr(database.waits, "wait", killed)
    with pytest.raises(pymysql.err.OperationalError):
        transactions.lock(waiter, [key], 1.0)
    assert transactions.is_free(transactions.begin(), key)


def _insert(session: Any, actor: str) -> None:
    session.cursor().execute("INSERT INTO dead_letter_actors (actor) VALUES (%s)", (actor,))


def _actors(model: DatabaseModel) -> list[str]:
    return [actor for (actor,) in model.query("SELECT actor FROM dead_letter_actors ORDER BY actor")]


@pytest.mark.parametrize("seed", range(5))
def test_the_database_goes_back(database: DatabaseModel, clock: _Clock, seed: int) -> None:
    """A database that loses its last seconds has the rows that were committed by then."""
    chance, past = Random(seed), []
    sessions = [database.connect() for _ in range(3)]
    for n in range(40):
        session = chance.choice(sessions)
        _insert(session, f"{n}")
        if n % 3 == 2:
            session.cursor().execute("DELETE FROM dead_letter_actors WHERE actor < %s", (f"{n - 5}",))
        chance.choice([session.commit, session.rollback])()
        past.append((clock.now_s, _actors(database)))
        clock.now_s += 0.1
    then_s, wanted = past[chance.randrange(len(past))]
    database.lose_last(clock.now_s - then_s - 0.01)
    assert _actors(database) == wanted
    with pytest.raises(pymysql.err.OperationalError):
        _insert(sessions[0], "lost")


@pytest.mark.parametrize(("lost", "there"), [("lose_answer", ["a"]), ("refuse_commit", [])])
def test_a_commit_without_an_answer(database: DatabaseModel, lost: str, there: list[str]) -> None:
    """Without an answer to a commit, the commit may have taken effect or not, and the session is closed."""
    session = database.connect()
    _insert(session, "a")
    setattr(database.faults, lost, 1.0)
    with pytest.raises(pymysql.err.OperationalError) as caught:
        session.commit()
    assert [caught.value.args[0], session.open, _actors(database)] == [2013, False, there]


@pytest.mark.parametrize("number", [1290, 5000, 40_000, 65_000])
def test_numbers(database: DatabaseModel, number: int) -> None:
    """An error number is read as the driver reads it: as 16 bits with a sign."""
    database.faults.number = number
    with pytest.raises(pymysql.err.MySQLError) as caught:
        _insert(database.connect(), "a")
    assert caught.value.args[0] == (number if number < 2**15 else number - 2**16)


def test_a_server_that_dies(database: DatabaseModel) -> None:
    """When a server dies, uncommitted changes and locks are lost; after its restart the committed rows are there."""
    held = database.connect()
    _insert(held, "a")
    held.commit()
    _insert(held, "b")
    database.die()
    with pytest.raises(pymysql.err.OperationalError):
        database.connect()
    database.restart()
    again = database.connect()
    _insert(again, "b")
    again.commit()
    assert _actors(database) == ["a", "b"]


def test_full_and_read_only(database: DatabaseModel) -> None:
    """A full server accepts only statements that free space, and a read-only server only reads."""
    session = database.connect()
    _insert(session, "a")
    session.commit()
    database.faults.full = True
    with pytest.raises(pymysql.err.OperationalError, match="is full"):
        _insert(session, "b")
    assert session.cursor().execute("DELETE FROM dead_letter_actors") == 1
    session.rollback()
    database.faults.full, database.faults.read_only = False, True
    with pytest.raises(pymysql.err.OperationalError, match="read-only"):
        _insert(session, "b")
    assert session.cursor().execute("SELECT actor FROM dead_letter_actors FOR UPDATE") == 1
