"""Epochs over models of both stores: whatever the queue forgets, the ledger names what is gone and balances."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pymysql
import pytest
import sqlalchemy as sa
from redis.asyncio import Redis

from holdfast.services.dlq_admin.auditor import ledger as ledgers
from holdfast.services.dlq_admin.auditor.epochs import Epochs
from holdfast.shared.connections.redis import connect
from holdfast.shared.connections.script import Script
from holdfast.shared.letters.ids import id_of
from holdfast.shared.letters.index.insert import index
from holdfast.shared.letters.index.tables import groups, items, letters
from holdfast.shared.letters.letter import read
from holdfast.shared.letters.state import State
from holdfast.shared.queue.groups import ensure_groups
from holdfast.shared.queue.names import CLOCK, DEAD, LEDGER, LOOK, LUA, PREFIX, WRITERS_GROUP, WRITES
from holdfast.shared.queue.partitions import QUEUE, Partition, Partitions
from holdfast.shared.queue.snapshot import snapshot
from holdfast.shared.store import epochs
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.store.tables import operations
from holdfast.shared.writes import versions
from holdfast.shared.writes.ledger import Ledger, table
from tests.models.database.waits import Threaded
from tests.models.database_server import DatabaseModel
from tests.models.redis_server import RedisModel, listening
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS
from tests.stream import new_user

_STEPS = 12


class World:
    """The stores, the auditor, and what is expected of them. A step takes a second of the queue's time."""

    def __init__(self, model: RedisModel, redis: Redis, engine: Engine, clock: list[float]) -> None:
        self._model = model
        self._redis = redis
        self._engine = engine
        self._clock = clock
        self._began = clock[0]
        self._accept = Script(redis, LUA / "accept.lua")
        self._settle = Script(redis, LUA / "settle.lua")
        self.accepted: set[str] = set()
        self.applied: set[str] = set()
        self.lost: set[str] = set()
        #: The operations on the stream, after each step since it last forgot something.
        self.stream: list[frozenset[str]] = [frozenset()]
        self.epoch = 1
        self.in_hand: dict[str, dict[bytes, bytes]] = {}
        self._letters = 0

        async def audit(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
            return await asyncio.to_thread(work, engine, *args, **more)

        database: Any = SimpleNamespace(engine=engine, audit=audit, auditing=None)
        self.epochs = Epochs(redis, database, None)

    async def accept(self, count: int) -> None:
        """New writes, on the stream."""
        writes = [new_user() for _ in range(count)]
        values = [value for write in writes for value in write.arguments()]
        await self._accept([WRITES, CLOCK], [PREFIX, 0, "1", 60, 1000, *values])
        new = frozenset(write.operation_id for write in writes)
        self.accepted |= new
        self._now(self.stream[-1] | new)

    async def apply(self, count: int) -> None:
        """The oldest few on the stream, as a writer does that settles at once."""
        gone = set()
        for entry_id, fields in await self._redis.xrange(WRITES, count=count):
            await asyncio.to_thread(self._end, entry_id.decode(), fields)
            await self._redis.xdel(WRITES, entry_id)
            gone.add(fields[b"operation_id"].decode())
        self.applied |= gone
        self._now(self.stream[-1] - gone)

    async def apply_directly(self, *, settled: bool) -> None:
        """The oldest on the stream, as an api does when it got no answer from the queue; then a writer finds it."""
        found: Any = await self._redis.xrange(WRITES, count=1)
        [(entry_id, fields)] = found
        later = fields | {b"version": str(round(self._clock[0] * 1_000_000)).encode()}
        await asyncio.to_thread(self._end, None, later)
        operation_id = fields[b"operation_id"].decode()
        if settled:
            about = (operation_id, fields[b"entity_id"].decode(), "user:" + fields[b"entity_id"].decode(), "", 0)
            await self._settle([WRITES, DEAD, LEDGER], [PREFIX, WRITERS_GROUP, entry_id, "late", *about, "", ""])
        self.applied.add(operation_id)
        self._now(self.stream[-1] - {operation_id})

    def restart(self) -> None:
        """The queue, with all it has."""
        self._model.restart()
        self._now(self.stream[-1])

    def _end(self, entry_id: str | None, fields: dict[bytes, bytes], effect: str = "applied") -> None:
        operation_id, version = fields[b"operation_id"].decode(), int(fields[b"version"])
        if operation_id not in self.applied:
            row: dict[str, object] = {
                "operation_id": operation_id,
                "resource": "users",
                "entity_id": fields[b"entity_id"].decode(),
            }
            row |= {"command": "CreateUser", "version": version, "effect": effect, "entity_version": version}
            row |= {
                "rejection": None,
                "body_hash": None,
                "entry_id": entry_id,
                "ended_at": versions.to_datetime(version).replace(tzinfo=None),
            }
            with self._engine.begin() as connection:
                connection.execute(sa.insert(operations).values(row))

    async def bury(self, count: int) -> None:
        """Entries of which nothing can be read: they are dead letters at once."""
        for _ in range(count):
            entry_id = await self._redis.xadd(WRITES, {"x": "1"})
            await asyncio.to_thread(self.die, entry_id.decode(), {b"x": b"1"})
            await self._redis.xdel(WRITES, entry_id)
        self._now(self.stream[-1])

    async def take(self, count: int, *, newest: bool = False) -> None:
        """The oldest few that are in no writer's hands."""
        found = await (self._redis.xrevrange if newest else self._redis.xrange)(WRITES)
        entries = [(entry_id.decode(), fields) for entry_id, fields in found]
        self.in_hand |= dict([one for one in entries if one[0] not in self.in_hand][:count])

    async def end(self, how: str) -> None:
        """What writers have in hand, as they do whether the queue still has it or not."""
        for entry_id, fields in self.in_hand.items():
            operation_id = fields[b"operation_id"].decode()
            if operation_id not in self.applied:
                await asyncio.to_thread(_ENDS[how], self, entry_id, fields)
            await self._redis.xdel(WRITES, entry_id)
            self.applied.add(operation_id)
            self.lost.discard(operation_id)
        self.in_hand = {}
        self._now(self.stream[-1] - self.applied)

    def die(
        self, entry_id: str, fields: dict[bytes, bytes], state: State = State.DEAD, partition: Partition = QUEUE
    ) -> None:
        """As a dead letter that is indexed."""
        self._letters += 1
        original = {b"original." + name: value for name, value in fields.items()}
        sequence = partition.stream * 100 + self._letters
        letter = read(f"{round(self._clock[0] * 1000)}-{sequence}", {b"entry_id": entry_id.encode(), **original})
        index(self._engine, [letter])
        if state is State.DISCARDED:
            with self._engine.begin() as connection:
                moved = {"state": state.value}
                connection.execute(sa.update(letters).where(letters.c.id == letter.number).values(moved))
                connection.execute(sa.update(groups).values({state.value: groups.c[state] + groups.c[State.DEAD]}))
                connection.execute(sa.update(groups).values({State.DEAD.value: 0}))

    def _move(self, before: State, after: State, item: str = "") -> None:
        """All letters, and the items of their replay."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(letters).values({"state": after.value}))
            connection.execute(sa.update(groups).values({after.value: groups.c[before]}))
            connection.execute(sa.update(groups).values({before.value: 0}))
            connection.execute(sa.update(items).values({"state": item}))

    async def choose(self) -> None:
        """The dead letters, for a replay that sends them at once."""
        with self._engine.begin() as connection:
            for position, letter in enumerate(connection.execute(sa.select(letters)).all()):
                row = {"replay_id": 1, "position": position, "letter_id": letter.id, "state": "sending"}
                connection.execute(sa.insert(items).values(row))
        await asyncio.to_thread(self._move, State.DEAD, State.REPLAYING, "sending")

    async def send(self, *, noted: bool) -> None:
        """The chosen ones; `noted`: the database knows of it."""
        with self._engine.begin() as connection:
            chosen = connection.execute(sa.select(letters)).all()
        for letter in chosen:
            about = {name: getattr(letter, name) for name in ("operation_id", "entity_id", "version")}
            fields: dict[Any, Any] = {name: value for name, value in about.items() if value is not None}
            entry = (await self._redis.xadd(WRITES, fields | {"replay": "1"})).decode()
            await self._redis.hset(QUEUE.replay(1), id_of(letter.id), entry)
            await self._redis.hincrby(LEDGER, "replayed", 1)
            if noted:
                with self._engine.begin() as connection:
                    sent = sa.update(items).where(items.c.letter_id == letter.id)
                    connection.execute(sent.values(operation_id=letter.operation_id, entry_id=entry, state="sent"))

    async def send_again(self) -> None:
        """The dead letters, as a replay does."""
        await self.choose()
        await self.send(noted=True)

    async def give_up(self) -> None:
        """What was sent again and is nowhere: the letters are dead as before."""
        await asyncio.to_thread(self._move, State.REPLAYING, State.DEAD, "lost")

    async def die_again(self) -> None:
        """What was sent again."""
        entries: Any = await self._redis.xrange(WRITES)
        again = [(entry.decode(), fields) for entry, fields in entries if b"replay" in fields]
        await asyncio.to_thread(self._move, State.REPLAYING, State.DEAD_AGAIN, "failed_same")
        for entry_id, fields in again:
            await asyncio.to_thread(self.die, entry_id, fields)
            await self._redis.xdel(WRITES, entry_id)

    async def ending_the_oldest(self) -> Callable[[], None]:
        """Commits the oldest write, as a writer does that has not settled it yet."""
        [(entry_id, fields)] = await self._redis.xrange(WRITES, count=1)
        return lambda: self._end(entry_id.decode(), fields)

    async def repeat_the_oldest(self) -> None:
        """A second entry of the same operation."""
        [(_, fields)] = await self._redis.xrange(WRITES, count=1)
        await self._redis.xadd(WRITES, fields)

    async def reading(self) -> Ledger:
        """One, whatever it shows."""
        return await ledgers.reading_at(self._redis, self._engine, None)

    def forget(self, steps: int) -> None:
        """The last few, or all."""
        if steps >= len(self.stream):
            self._model.wipe()
            self.stream = []
            self._now(frozenset())
        else:
            self._model.lose_last(steps + 0.5)
            self.stream = self.stream[:-steps]
            self._now(self.stream[-1])
            self.stream = self.stream[-1:]  # the model goes back no further than this
        self.lost = self.accepted - self.applied - self.stream[-1]
        self.epoch += 1

    async def forget_the_oldest(self, count: int) -> None:
        """On the stream, and the last look."""
        await self._redis.xdel(WRITES, *[entry for entry, _ in await self._redis.xrange(WRITES, count=count)])
        await self._redis.set(LOOK, 0)

    async def may_be_lost(self, second: int) -> bool:
        """Of an operation whose id was made that long after the begin."""
        made = round((self._began + second) * 1_000_000)
        return await asyncio.to_thread(epochs.lost_at, self._engine, made)

    def _now(self, stream: frozenset[str]) -> None:
        self.stream.append(stream)
        self._clock[0] += 1


_ENDS: dict[str, Callable[[World, str, dict[bytes, bytes]], None]] = {
    "applied": World._end,
    "rejected": lambda on, entry_id, fields: on._end(entry_id, fields, "rejected"),
    "dead_lettered": World.die,
    "discarded": lambda on, entry_id, fields: on.die(entry_id, fields, State.DISCARDED),
}


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Empty."""
    clock = [time.time()]
    model = RedisModel(lambda: clock[0])
    database = DatabaseModel(time.time, random.Random(1), Threaded())
    async with listening(model) as port:
        redis = connect(f"127.0.0.1:{port}", PATIENT_REDIS)
        try:
            with patch.object(pymysql, "connect", database.connect):
                engine = make_engine("mysql://u:p@127.0.0.1/holdfast", PATIENT_DATABASE, 2)
                await ensure_groups(redis)
                clock[0] += 1
                yield World(model, redis, engine, clock)
                engine.dispose()
        finally:
            await redis.aclose()


@pytest.mark.parametrize("run", range(6))
async def test_what_is_forgotten_is_lost_or_applied(run: int) -> None:
    """Whatever the queue forgets, however often: what was accepted is on the stream, applied, or counted as lost, and
    the ledger balances with exactly that. It is looked at after every step, so all of it was seen."""
    chance = random.Random(run)
    async with world() as on:
        await on.epochs.ledger()
        for _ in range(_STEPS):
            match chance.choice(("accept", "apply", "take", "end", "forget")):
                case "accept":
                    await on.accept(chance.randint(1, 5))
                case "apply":
                    await on.apply(chance.randint(1, 5))
                case "take":
                    await on.take(chance.randint(1, 5))
                case "end":
                    await on.end(chance.choice(("applied", "rejected")))
                case _:
                    on.forget(chance.choice((1, 2, 3, 9)))
            ledger = await on.epochs.ledger()
            waiting = len(on.stream[-1] - on.applied)
            ended = ledger.applied + ledger.rejected
            counted = (ledger.missing, ledger.lost, ledger.in_flight, ended, ledger.accepted, ledger.epoch)
            expected = (0, len(on.lost), waiting, len(on.applied), len(on.accepted), on.epoch)
            assert counted == expected, run
            if on.lost:  # an id that was made while they were accepted
                assert any([await on.may_be_lost(second) for second in range(_STEPS + 2)])
        assert not await on.may_be_lost(-3600)


@pytest.mark.parametrize("how", _ENDS)
@pytest.mark.parametrize(("steps", "seen"), [(9, True), (9, False), (1, False), (2, True)])
async def test_what_was_in_hand_ends_in_its_own_epoch(how: str, steps: int, seen: bool) -> None:
    """A writer has entries in hand when the queue forgets them; they end after the next epoch has begun. What had been
    counted as lost is not any more, what nobody had seen is counted as accepted, and the ledger balances: as soon as it
    is read, when it was kept, and with what is accepted then."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(2)
        await on.epochs.ledger()
        await on.accept(3)
        if seen:
            await on.epochs.ledger()
        await on.take(4)
        on.forget(steps)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.epoch) == (0, 2)
        await on.end(how)
        for _ in range(2):
            reading = await on.reading()
            ledger = await on.epochs.ledger()
            for each in (reading, ledger):
                ended = getattr(each, how)
                assert (each.missing, ended, each.accepted) == (0, 4, 4 + each.lost + each.in_flight), table(each)
                assert each.lost == (len(on.lost) if seen else 0)
            await on.accept(2)


@pytest.mark.parametrize("breaks", [2, 3])
async def test_what_nobody_had_seen_is_no_loss_however_often_the_queue_breaks(breaks: int) -> None:
    """Two writes are seen and lost. Two that no look had seen are in a writer's hands while the queue breaks again and
    again, and end then: they are accepted, and the others stay lost."""
    async with world() as on:
        await on.accept(2)
        await on.epochs.ledger()
        await on.accept(2)
        await on.take(2, newest=True)
        for number in range(breaks):
            on.forget(9)
            ledger = await on.epochs.ledger()
            assert (ledger.missing, ledger.lost, ledger.epoch) == (0, 2, 2 + number), table(ledger)
            await on.accept(1)
            await on.apply(1)
            await on.epochs.ledger()
        await on.end("applied")
        for _ in range(2):
            ledger = await on.epochs.ledger()
            counted = (ledger.missing, ledger.lost, ledger.applied, ledger.accepted)
            assert counted == (0, 2, 2 + breaks, 4 + breaks), table(ledger)


async def test_what_was_seen_between_two_breaks_is_back_when_it_ends() -> None:
    """A write that no look had seen before the first break is on the stream after it; the second loses it while a
    writer has it in hand, and it ends."""
    async with world() as on:
        await on.accept(1)
        await on.epochs.ledger()
        await on.accept(2)
        await on.take(1, newest=True)
        on.restart()
        assert (await on.epochs.ledger()).lost == 0
        on.forget(9)
        assert (await on.epochs.ledger()).lost == 3
        await on.end("applied")
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 2, 1, 3), table(ledger)


async def test_a_break_before_anything_was_kept_forgets_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reading of an epoch is not kept, and the queue breaks again: what was lost stays lost."""
    async with world() as on:
        await on.accept(3)
        await on.epochs.ledger()
        on.forget(9)
        with monkeypatch.context() as patched:
            patched.setattr(epochs, "keep", lambda *_: None)
            assert (await on.epochs.ledger()).lost == 3
        await on.accept(1)
        on.forget(9)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted, ledger.epoch) == (0, 3, 3, 3), table(ledger)


async def test_entries_of_two_partitions_may_have_one_id() -> None:
    """They were put by hand, in one millisecond; they die after the next epoch has begun, and both count."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(2)
        await on.epochs.ledger()
        await on.take(2)
        on.forget(9)
        assert (await on.epochs.ledger()).lost == 2
        entry_id = min(on.in_hand)
        for fields, partition in zip(on.in_hand.values(), Partitions(2), strict=True):
            await asyncio.to_thread(on.die, entry_id, fields, partition=partition)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.dead_lettered, ledger.lost, ledger.accepted) == (0, 2, 0, 2), table(ledger)


@pytest.mark.parametrize("how", _ENDS)
async def test_what_ended_after_the_last_look_hides_no_loss(how: str) -> None:
    """Writes that were seen are lost; others, which were not, end before the queue forgets: the first are named."""
    async with world() as on:
        await on.accept(3)
        await on.epochs.ledger()
        await on.accept(2)
        await on.take(2, newest=True)
        await on.end(how)
        on.forget(9)
        for _ in range(2):
            ledger = await on.epochs.ledger()
            assert (ledger.missing, ledger.lost, getattr(ledger, how), ledger.accepted) == (0, 3, 2, 5), table(ledger)


async def test_a_second_entry_of_an_operation_is_no_loss() -> None:
    """A look sees both in flight; one ends the operation, and the queue forgets the other, and the rest."""
    async with world() as on:
        await on.accept(3)
        await on.repeat_the_oldest()
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.in_flight, ledger.accepted) == (0, 3, 3), table(ledger)
        (await on.ending_the_oldest())()
        on.forget(9)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 2, 1, 3), table(ledger)


@pytest.mark.parametrize("settled", [False, True])
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("forgets", [False, True])
async def test_a_write_that_was_applied_past_the_queue_is_not_lost(settled: bool, before: bool, forgets: bool) -> None:
    """A look sees it in flight; the api got no answer, and applies it directly. Then the queue starts again, or forgets
    what a writer did about it; and it starts again after a look that has seen all of it."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(3)
        await on.epochs.ledger()
        await on.apply_directly(settled=settled)
        if before:
            await on.epochs.ledger()
        on.forget(1) if forgets else on.restart()
        for _ in range(2):
            ledger = await on.epochs.ledger()
            assert (ledger.missing, ledger.lost, ledger.accepted, ledger.applied) == (0, 0, 3, 1), table(ledger)
            on.restart()


async def test_what_is_lost_is_named_although_others_were_applied_past_the_queue() -> None:
    """Of four that a look sees two are applied directly, one before the look and one after; the others are gone. One
    that was accepted after the look, and applied directly, hides none of them."""
    async with world() as on:
        await on.accept(4)
        await on.apply_directly(settled=True)
        await on.epochs.ledger()
        await on.apply_directly(settled=True)
        await on.accept(1)
        await on.forget_the_oldest(2)
        await on.apply_directly(settled=True)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 2, 3, 5), table(ledger)


async def test_a_second_entry_of_an_operation_hides_no_late_end() -> None:
    """Both are on the stream when the epoch begins, and count once; so what was in hand then ends as not lost."""
    async with world() as on:
        await on.accept(1)
        await on.repeat_the_oldest()
        await on.accept(1)
        await on.take(1, newest=True)
        await on.epochs.ledger()
        on.forget(1)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.in_flight, ledger.accepted) == (0, 1, 1, 2), table(ledger)
        (await on.ending_the_oldest())()
        await on.end("applied")
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.applied, ledger.accepted) == (0, 0, 2, 2), table(ledger)


@pytest.mark.parametrize("late", [False, True])
async def test_what_was_sent_again_is_a_letter_still(late: bool) -> None:
    """The queue forgets dead letters that a replay had sent again: they are dead letters and not lost, before and after
    the replay notices; unless a writer has them in hand and applies them."""
    async with world() as on:
        await on.epochs.ledger()
        await on.accept(3)
        await on.take(3)
        await on.end("dead_lettered")
        await on.epochs.ledger()
        await on.send_again()
        await on.epochs.ledger()
        await on.take(3)
        on.applied.clear()
        on.forget(9)
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.dead_lettered, ledger.lost, ledger.accepted) == (0, 3, 0, 3), table(ledger)
        await on.end("applied") if late else await on.give_up()
        ledger = await on.epochs.ledger()
        assert (ledger.missing, ledger.lost, ledger.accepted) == (0, 0, 3), table(ledger)
        assert (ledger.applied, ledger.dead_lettered) == ((3, 0) if late else (0, 3))


@pytest.mark.parametrize("noted", [False, True])
async def test_a_letter_that_is_sent_and_applied_during_a_reading_is_counted_once(
    noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Between the look at the queue and the one at the database, before its replay has noted that it was sent."""
    async with world() as on:
        await on.accept(3)
        await on.take(3)
        await on.end("dead_lettered")
        await on.choose()
        on.applied.clear()
        looks = 0

        async def then_it_is_sent(*arguments: Any) -> Any:
            nonlocal looks
            found = await snapshot(*arguments)
            looks += 1
            if looks == 1:
                await on.send(noted=noted)
                await on.take(3)
                await on.end("applied")
            return found

        monkeypatch.setattr(ledgers, "snapshot", then_it_is_sent)
        for _ in range(2):
            reading = await on.reading()
            counted = (reading.missing, reading.accepted, reading.dead_lettered, reading.applied)
            assert counted == (0, 3, 0, 3), table(reading)


@pytest.mark.parametrize("before", ["ended_by", "letter_counts", "counts_in"])
async def test_a_write_that_ends_during_a_reading_is_counted_once(before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two of its questions to the database."""
    async with world() as on:
        await on.accept(3)
        end, real = await on.ending_the_oldest(), getattr(ledgers, before)

        def ends_first(*arguments: Any) -> Any:
            monkeypatch.undo()
            end()
            return real(*arguments)

        monkeypatch.setattr(ledgers, before, ends_first)
        reading = await on.reading()
        assert getattr(ledgers, before) is real
        assert (reading.missing, reading.in_flight, reading.applied) == (0, 3, 0), table(reading)
        reading = await on.reading()
        assert (reading.missing, reading.in_flight, reading.applied) == (0, 2, 1), table(reading)


async def test_a_copy_of_what_is_over_is_no_write() -> None:
    """While it waits on the stream."""
    async with world() as on:
        await on.accept(3)
        (await on.ending_the_oldest())()
        await on.repeat_the_oldest()
        reading = await on.reading()
        assert (reading.missing, reading.in_flight, reading.applied) == (0, 2, 1), table(reading)


@pytest.mark.parametrize("readable", [True, False])
async def test_what_dies_again_was_in_no_hands(readable: bool) -> None:
    """The queue goes back to a moment at which dead letters were on the stream again, and they die once more: those of
    writes, and those that name no operation."""
    async with world() as on:
        if readable:
            await on.accept(2)
            await on.take(2)
            await on.end("dead_lettered")
        else:
            await on.bury(2)
        await on.epochs.ledger()
        await on.send_again()
        await on.accept(1)
        await on.epochs.ledger()
        await on.accept(1)
        on.forget(1)
        assert (await on.epochs.ledger()).missing == 0
        await on.die_again()
        ledger = await on.epochs.ledger()
        counted = (ledger.missing, ledger.lost, ledger.dead_lettered, ledger.in_flight, ledger.accepted)
        assert counted == (0, 0, 2, 1, 3), table(ledger)
