"""The horizon: operations before it are removed, stay counted, and are never applied again, even if their entries
return."""

import random
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from holdfast.services.dlq_admin.auditor.history import History
from holdfast.services.dlq_admin.auditor.ledger import read_ledger
from holdfast.services.dlq_admin.database import Database as AdminDatabase
from holdfast.shared.connections.redis import connect
from holdfast.shared.letters.index import insert as index
from holdfast.shared.letters.retention import history as purging
from holdfast.shared.letters.retention import tombstones
from holdfast.shared.queue.codec import decode, encode
from holdfast.shared.queue.names import DEAD, WRITES
from holdfast.shared.queue.partitions import Partitions
from holdfast.shared.store.apply import apply
from holdfast.shared.store.closing import close
from holdfast.shared.store.counts import operation_counts
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.writes.commands import Create, Heartbeat, Write
from holdfast.shared.writes.decide import Delivery
from holdfast.shared.writes.outcome import Applied, Dead, Duplicate, Outcome, Reason, Rejected, Superseded
from holdfast.shared.writes.versions import to_stream_id, wall_clock
from tests import letters
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS, Database, RedisServer
from tests.users import USERS, create_user, delete_user, update_user

_DAY = 86_400_000_000
_BEGAN = wall_clock() - 400 * _DAY
_HISTORY = 80
_USERS = [str(uuid.UUID(int=number)) for number in range(8)]
_DELETED = -1
#: Writes that arrive after the delete of their user, but were accepted before it.
_LATE = (create_user("Ann", "a@example.com"), update_user(name="Bob"), update_user(email="b@example.com"))
_LATER = _BEGAN + 100 * _DAY


@pytest.fixture
def engine(clean_database: Database) -> Iterator[Engine]:
    """An engine on an empty database."""
    made = make_engine(clean_database.dsn, PATIENT_DATABASE, 6)
    yield made
    made.dispose()


def _apply(engine: Engine, *writes: Write) -> list[Outcome]:
    deliveries = [Delivery(write, to_stream_id(write.version)) for write in writes]
    return apply(engine, deliveries, lambda _: False, lambda _: None)


def _write(command: Any, version: int, user: str = "") -> Write:
    return Write(str(uuid.uuid4()), user or str(uuid.uuid4()), command, version)


def _history(chance: random.Random, count: int, since: int, until: int) -> list[Write]:
    """Return writes, in random order, of a few users who take and release a few addresses. Each user is created at most
    once, and heartbeats are among the writes."""
    writes, unborn = [], [] if since > _BEGAN else list(_USERS)
    for version in chance.sample(range(since, until), count):
        email = f"{chance.randrange(5)}@example.com"
        command = chance.choice(
            [create_user("Ann", email), update_user(email=email), update_user(name=f"{version}"), delete_user(),
             Heartbeat()]
        )  # fmt: skip
        user = "heartbeat" if isinstance(command, Heartbeat) else chance.choice(_USERS)
        if isinstance(command, Create):
            user = unborn.pop() if unborn else str(uuid.UUID(int=chance.getrandbits(128)))
        writes.append(_write(command, version, user))
    return writes


def _age(engine: Engine) -> None:
    """Set the end of every operation to the time at which it was accepted."""
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE operations SET ended_at = FROM_UNIXTIME(version / 1000000)"))


def _purge_up_to(engine: Engine, to: int) -> int:
    while close(engine, 2**52, 7):
        pass
    purging.advance(engine, to)
    gone, after = 0, 0
    while True:
        count, following = purging.purge_operations(engine, after, 7)
        gone, after = gone + count, following or 0
        if following is None:
            break
    while purging.purge_releases(engine, 2):
        pass
    while tombstones.purge(engine, USERS, wall_clock(), 0, 2):
        pass
    return gone


def _rows(engine: Engine, table: str) -> list[Any]:
    with engine.connect() as connection:
        return sorted(map(tuple, connection.execute(sa.text(f"SELECT * FROM {table}"))))


def _undeleted(engine: Engine) -> list[Any]:
    return [row for row in _rows(engine, "users") if not row[_DELETED]]


def _tombstones(engine: Engine) -> list[int]:
    """Return the versions of the deletes."""
    return sorted(row[_DELETED] for row in _rows(engine, "users") if row[_DELETED])


def _in_batches(engine: Engine, chance: random.Random, writes: list[Write]) -> list[Outcome]:
    outcomes, at = [], 0
    while at < len(writes):
        batch = writes[at : (at := at + chance.choice([1, 4, 20]))]
        outcomes += _apply(engine, *batch)
    return outcomes


def _forget(engine: Engine) -> None:
    with engine.begin() as connection:
        for table in ("operation_totals", "operations", "users", "released_values"):
            connection.execute(sa.text(f"DELETE FROM {table}"))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_may_come_back_misses_what_was_removed(engine: Engine, seed: int) -> None:
    """After a random history is purged up to a random moment, late writes that are not older have the same outcomes as
    without the purge. Every returning write of the history changes no user: it is a duplicate, or it is dead-lettered
    as too old if its row was removed."""
    chance = random.Random(seed)
    moment = chance.randint(_BEGAN + 15 * _DAY, _BEGAN + 30 * _DAY)
    history, late = (_history(chance, _HISTORY, since, _BEGAN + 40 * _DAY) for since in (_BEGAN, moment))
    ends = []
    for purged in (False, True):
        _forget(engine)
        _in_batches(engine, random.Random(seed), history)
        _age(engine)
        gone = _purge_up_to(engine, moment) if purged else 0
        old = [version for version in _tombstones(engine) if version < moment]
        assert bool(old) is not purged
        ends.append((_in_batches(engine, random.Random(seed), late), _undeleted(engine)))
    assert ends[0] == ends[1]
    assert gone > 0
    counted, left = operation_counts(engine, 2**52), {row[0] for row in _rows(engine, "operations")}
    assert (counted.applied + counted.rejected, counted.kept, counted.totals.purged) == (
        2 * _HISTORY, 2 * _HISTORY - gone, gone,
    )  # fmt: skip
    chance.shuffle(history)
    for write, outcome in zip(history, _in_batches(engine, chance, history), strict=True):
        assert isinstance(outcome, Duplicate if write.operation_id in left else Dead)
        assert isinstance(outcome, Duplicate) or (outcome.reason is Reason.TOO_OLD and write.version < moment)
    assert _undeleted(engine) == ends[1][1]
    assert operation_counts(engine, 2**52) == counted


def _before_statement(engine: Engine, number: int, act: Callable[[], object]) -> Callable[[], None]:
    """Call `act` once, before the `number`th statement of the test's next transaction."""
    seen = 0

    def count(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == number + 1:
            act()

    sa.event.listen(engine, "before_cursor_execute", count)
    return lambda: sa.event.remove(engine, "before_cursor_execute", count)


@pytest.mark.parametrize(
    "command", [create_user("Ann", "a@example.com"), update_user(name="Bob"), Heartbeat()], ids=str
)
def test_the_horizon_may_pass_at_any_moment(engine: Engine, database: Database, command: Any) -> None:
    """A redelivered write is never applied twice, even if the horizon passes it between any two statements of its
    transaction."""
    other = make_engine(database.dsn, PATIENT_DATABASE, 2)
    for number in range(8):
        user = "heartbeat" if isinstance(command, Heartbeat) else str(uuid.uuid4())
        write = _write(command, _BEGAN + number, user)
        if not isinstance(command, Create | Heartbeat):
            _apply(engine, _write(create_user("Ann", f"{number}@example.com"), _BEGAN + number - 1, user))
        assert isinstance(_apply(engine, write)[0], Applied)
        _age(engine)
        before = _rows(engine, "users")
        stop = _before_statement(engine, number, lambda at=number: _purge_up_to(other, _BEGAN + at + 2 * 3600 * 10**6))
        [outcome] = _apply(engine, write)
        stop()
        assert isinstance(outcome, Duplicate | Dead), number
        assert _rows(engine, "users") == before
        _forget(engine)
    other.dispose()


def test_a_purged_tombstone_turns_its_late_writes_away_at_any_moment(engine: Engine, database: Database) -> None:
    """A late create or change does not restore a deleted user, even if the tombstone is removed between any two
    statements of its transaction. It is rejected or superseded because of the tombstone, or dead-lettered."""
    other = make_engine(database.dsn, PATIENT_DATABASE, 2)
    chance = random.Random(0)
    for number, late in [(number, late) for number in range(8) for late in _LATE]:
        user = str(uuid.uuid4())
        _apply(engine, _write(create_user("Ann", "a@example.com"), _BEGAN, user))
        _apply(engine, _write(delete_user(), _BEGAN + 100, user))
        _apply(engine, _write(Heartbeat(), _LATER, "heartbeat"))
        _age(engine)
        neighbour = _write(create_user("Bob", f"{number}@example.com"), wall_clock())
        batch = [_write(late, _BEGAN + 1, user), *([neighbour] if chance.random() < 0.5 else [])]
        stop = _before_statement(engine, number, lambda: _purge_up_to(other, _BEGAN + 2 * 3600 * 10**6))
        outcome, *_ = _apply(engine, *batch)
        stop()
        assert user not in [row[0] for row in _undeleted(engine)], (number, late)
        known_why = Dead | Rejected if isinstance(late, Create) else Dead | Superseded
        assert isinstance(outcome, known_why), (number, late, outcome)
        _forget(engine)
    other.dispose()


@pytest.mark.parametrize("horizon", [0, _BEGAN + 50, _BEGAN + 400], ids=["none", "within", "newest"])
@pytest.mark.parametrize("kept", [0.0, 0.000_3])
def test_a_tombstone_goes_once_it_is_beyond_both_limits(engine: Engine, horizon: int, kept: float) -> None:
    """A tombstone is removed, one per call, once it is older than the committed horizon of operations and older than
    its own retention before the newest operation."""
    for at in range(0, 500, 100):
        _apply(engine, _write(create_user("Ann", f"{at}@example.com"), _BEGAN + at, _USERS[at // 100]))
    for at in range(0, 400, 100):
        _apply(engine, _write(delete_user(), _BEGAN + at + 10, _USERS[at // 100]))
    if horizon:
        purging.advance(engine, horizon)
    newest = _BEGAN + 400
    before = min(horizon, newest - round(kept * 10**6))
    stay = [_BEGAN + at + 10 for at in range(0, 400, 100) if _BEGAN + at + 10 >= before]
    taken = [tombstones.purge(engine, USERS, wall_clock(), kept, 1) for _ in range(5)]
    assert taken == [1] * (4 - len(stay)) + [0] * (1 + len(stay))
    assert (_tombstones(engine), len(_undeleted(engine))) == (stay, 1)


def test_a_shadow_gives_its_address_back_once_its_create_cannot_come(engine: Engine) -> None:
    """A change that overtook its create keeps its address until the horizon has passed it. After that the create can
    never be applied, the shadow is removed, and another user gets the address."""
    change = _write(update_user(email="ann@example.com"), _BEGAN + 10, _USERS[0])
    _apply(engine, change._replace(after=str(uuid.uuid4())))
    _apply(engine, _write(create_user("Bob", "bob@example.com"), _BEGAN + 400))
    purging.advance(engine, _BEGAN + 10)
    assert tombstones.purge(engine, USERS, wall_clock(), 0, 1) == 0
    [refused] = _apply(engine, _write(create_user("Eve", "ann@example.com"), _BEGAN + 500))
    assert isinstance(refused, Rejected)
    purging.advance(engine, _BEGAN + 11)
    assert [tombstones.purge(engine, USERS, wall_clock(), 0, 1) for _ in range(2)] == [1, 0]
    [late] = _apply(engine, _write(create_user("Ann", "ann@example.com"), _BEGAN + 9, _USERS[0]))
    assert isinstance(late, Dead)
    [given] = _apply(engine, _write(create_user("Eve", "ann@example.com"), _BEGAN + 600))
    assert isinstance(given, Applied)


def test_a_shadow_of_a_field_that_only_another_build_knows_stays(engine: Engine) -> None:
    """A shadow is not beyond the horizon if a newer write has set a field that this build does not know: in an upgrade,
    writers set it before dlq_admin is replaced."""
    change = _write(update_user(name="Ann"), _BEGAN + 10, _USERS[0])
    _apply(engine, change._replace(after=str(uuid.uuid4())))
    _apply(engine, _write(create_user("Bob", "bob@example.com"), _BEGAN + 400))
    purging.advance(engine, _BEGAN + 100)
    with engine.connect() as connection:
        try:
            connection.exec_driver_sql("ALTER TABLE users ADD phone TEXT, ADD phone_version BIGINT DEFAULT 0")
            connection.exec_driver_sql(f"UPDATE users SET phone_version = {_BEGAN + 200} WHERE created_version = 0")
            connection.commit()
            assert tombstones.purge(engine, USERS, wall_clock(), 0, 9) == 0
            purging.advance(engine, _BEGAN + 300)
            assert tombstones.purge(engine, USERS, wall_clock(), 0, 9) == 1
        finally:
            connection.rollback()
            connection.exec_driver_sql("ALTER TABLE users DROP phone, DROP phone_version")


def test_an_older_claim_of_an_address_meets_its_release_or_the_horizon(engine: Engine, database: Database) -> None:
    """A late claim never gets an address that belonged to another user at the time of the claim, even if the release is
    removed between any two statements."""
    other = make_engine(database.dsn, PATIENT_DATABASE, 2)
    for number in range(8):
        email, first = f"{number}@example.com", str(uuid.uuid4())
        _apply(engine, _write(create_user("Ann", email), _BEGAN + 1, first))
        _apply(engine, _write(delete_user(), _BEGAN + 100, first))
        _age(engine)
        stop = _before_statement(engine, number, lambda: _purge_up_to(other, _BEGAN + 200))
        [outcome] = _apply(engine, _write(create_user("Bob", email), _BEGAN + 50))
        stop()
        assert not isinstance(outcome, Applied), number
        _forget(engine)
    other.dispose()


def test_what_ended_after_the_horizon_stays(engine: Engine) -> None:
    """An operation that ended after the horizon is kept, however old its version is, because a newer write that was
    accepted while it was in flight still looks for it."""
    _apply(engine, _write(create_user("Ann", "a@example.com"), _BEGAN))
    assert _purge_up_to(engine, _BEGAN + _DAY) == 0
    _age(engine)
    assert _purge_up_to(engine, _BEGAN + _DAY) == 1


async def test_an_idle_partition_keeps_no_other_operation_open(engine: Engine, clean_redis: RedisServer) -> None:
    """Operations of one partition are closed although another partition has had no entry since long before them, and
    the ledger balances."""
    redis, parts = connect(clean_redis.address, PATIENT_REDIS), Partitions(2)
    database = AdminDatabase(engine, threads=1, background=2, audit=1, read_timeout_s=5)
    history = History(redis, database, every_s=1, keep_s=1, tombstones_keep_s=0, key_lifetime_s=1, partitions=parts)
    write = _write(create_user("Ann", "a@example.com"), wall_clock())
    busy = parts.of(write.entity_id)
    with clean_redis.client() as client:
        entry = client.xadd(busy.writes, encode(write), id=to_stream_id(write.version))
        _apply(engine, write)
        client.xdel(busy.writes, entry)
    await history.close()
    ledger = await read_ledger(redis, engine, partitions=parts)
    assert (ledger.missing, ledger.applied, ledger.open) == (0, 1, 0)
    await redis.aclose()


async def test_it_waits_for_what_may_come_back(engine: Engine, clean_redis: RedisServer) -> None:
    """An entry on the stream, an unindexed dead letter or a dead letter in the table keeps every operation that is not
    older. Without them operations are purged, the ledger still balances, and the newest operation is always kept."""
    redis = connect(clean_redis.address, PATIENT_REDIS)
    database = AdminDatabase(engine, threads=1, background=2, audit=1, read_timeout_s=5)
    versions = [_BEGAN + day * _DAY for day in range(0, 200, 20)]
    writes = [_write(create_user("Ann", f"{version}@example.com"), version) for version in versions]
    with clean_redis.client() as client:
        for write in writes:
            entry = client.xadd(WRITES, encode(write), id=to_stream_id(write.version))
            _apply(engine, write)
            client.xdel(WRITES, entry)
        _age(engine)
        history = History(redis, database, every_s=1, keep_s=30 * 86_400, tombstones_keep_s=0, key_lifetime_s=86_400)

        async def kept(missing: int = 0) -> int:
            await history.close()
            await history.purge()
            ledger = await read_ledger(redis, engine)
            assert (ledger.missing, ledger.applied, ledger.kept + ledger.purged) == (missing, len(writes), len(writes))
            return ledger.kept

        client.xadd(DEAD, letters.fields())
        assert await kept(missing=-1) == 10, "nobody knows how old the letter is"
        client.delete(DEAD)
        letter = letters.letter(1, original={b"version": str(versions[3] + _DAY * 2).encode()})
        index.index(engine, [letter])
        with engine.begin() as connection:  # as if imported: no entry of this stream refers to the letter
            connection.execute(sa.text("UPDATE dead_letters SET imported = 1"))
            connection.execute(sa.text("UPDATE dead_letter_groups SET imported = 1"))
        assert await kept() == 6, "an older letter keeps what is newer than it, a key's lifetime aside"
        with engine.begin() as connection:
            connection.execute(sa.text("DELETE FROM dead_letters"))
            connection.execute(sa.text("DELETE FROM dead_letter_groups"))
        waiting = _write(create_user("Ann", "w@example.com"), versions[-1] + _DAY)
        client.xadd(WRITES, encode(waiting), id=to_stream_id(waiting.version))
        assert await kept() == 2, "30 days before the newest, and no clock moves it on"
    await redis.aclose()
    database.close()


def test_a_letter_that_a_test_puts_on_its_stream_is_within_the_horizon(engine: Engine) -> None:
    """The letters of the test helpers are as recent as those of a write that has just died, so a replay applies them
    however soon the auditor runs."""
    purging.advance(engine, wall_clock() - _DAY)
    original = letters.letter(1).original
    assert isinstance(_apply(engine, decode(original))[0], Applied)


def test_an_operation_that_is_not_kept_is_gone(api: httpx.Client, clean_database: Database) -> None:
    """The id of an operation from before the horizon gets 410, and any other unknown id gets 404."""
    old, young = _BEGAN // 1000, wall_clock() // 1000
    with clean_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO operation_totals (id, purged_to) VALUES (1, %s)", (_LATER,))
    for ms, kind, status, code in (
        (old, "7", 410, "OPERATION_PURGED"), (old, "8", 404, "OPERATION_NOT_FOUND"),
        (young, "7", 404, "OPERATION_NOT_FOUND"),
    ):  # fmt: skip
        text = f"{ms:012x}"
        answer = api.get(f"/operations/{text[:8]}-{text[8:]}-{kind}000-8000-000000000001")
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
