"""The stores, the auditor and the steps of a writer, over models: a queue that can be made to lose data, step by
step."""

import asyncio
import pickle
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pymysql
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
from holdfast.shared.queue.partitions import QUEUE, Partition
from holdfast.shared.store import epochs
from holdfast.shared.store.engine import Engine, make_engine
from holdfast.shared.store.tables import operations
from holdfast.shared.writes import versions
from holdfast.shared.writes.epoch import Memory
from holdfast.shared.writes.ledger import Ledger
from tests.models.database.waits import Threaded
from tests.models.database_server import DatabaseModel
from tests.models.redis_server import RedisModel, listening
from tests.servers import PATIENT_DATABASE, PATIENT_REDIS
from tests.stream import new_user


class World:
    """The stores, the auditor, and the expected state. A step takes a second of the queue's time."""

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
        #: The operations on the stream after each step since the queue last lost something.
        self.stream: list[frozenset[str]] = [frozenset()]
        self.epoch = 1
        self.in_hand: dict[str, dict[bytes, bytes]] = {}
        self._letters = 0

        async def audit(work: Callable[..., Any], *args: Any, **more: Any) -> Any:
            return await asyncio.to_thread(work, engine, *args, **more)

        self._database: Any = SimpleNamespace(engine=engine, audit=audit, auditing=None)
        self.epochs = Epochs(redis, self._database, None)

    async def accept(self, count: int) -> None:
        """Put new writes on the stream."""
        writes = [new_user() for _ in range(count)]
        values = [value for write in writes for value in write.arguments()]
        await self._accept([WRITES, CLOCK], [PREFIX, 0, "1", 60, 1000, *values])
        new = frozenset(write.operation_id for write in writes)
        self.accepted |= new
        self._now(self.stream[-1] | new)

    def pause(self) -> None:
        """Let a second pass."""
        self._now(self.stream[-1])

    async def apply(self, count: int) -> None:
        """Apply the oldest `count` writes on the stream, as a writer does that settles at once."""
        gone = set()
        for entry_id, fields in await self._redis.xrange(WRITES, count=count):
            await asyncio.to_thread(self._end, entry_id.decode(), fields)
            await self._redis.xdel(WRITES, entry_id)
            gone.add(fields[b"operation_id"].decode())
        self.applied |= gone
        self._now(self.stream[-1] - gone)

    async def apply_directly(self, *, settled: bool) -> None:
        """Apply the oldest write on the stream directly, as an api does that got no answer from the queue. With
        `settled`, a writer then settles its entry."""
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

    @asynccontextmanager
    async def failed_over(self, *, without: int, replicas: bool) -> AsyncIterator[Epochs]:
        """Replace the queue with a replica that lacks the last steps. Yield the auditor of another dlq_admin that still
        uses the old primary. `replicas`: whether that auditor believes that the old primary has its replicas."""
        old = RedisModel(lambda: self._clock[0])
        old.space.restore(pickle.loads(pickle.dumps(self._model.space.contents())))  # noqa: S301 - our own
        old.space.process = self._model.space.process
        self._model.lose_last(without + 0.5)
        async with listening(old) as port:
            redis = connect(f"127.0.0.1:{port}", PATIENT_REDIS)
            left = Epochs(redis, self._database, None)
            if not replicas:
                self.cut_off(left)
            try:
                yield left
            finally:
                await redis.aclose()

    @staticmethod
    def cut_off(auditor: Epochs) -> None:
        """Make the auditor find, from now on, that too few replicas have what it wrote to the queue."""
        read = auditor._memory.read

        async def unsafe(*args: Any, **more: Any) -> Memory:
            return replace(await read(*args, **more), safe=False)

        auditor._memory.read = unsafe  # type: ignore[method-assign]

    def kept_aside(self) -> Callable[[], None]:
        """Save a copy of the queue's data. Return a function that restarts the queue from the copy; changes since then
        are lost."""
        disk, had = pickle.dumps(self._model.space.contents()), self.stream[-1]

        def put_back() -> None:
            self._model.space.restore(pickle.loads(disk))  # noqa: S301 - our own
            self._model.restart()
            self.stream = [had]
            self.lost = self.accepted - self.applied - had
            self.epoch += 1

        return put_back

    async def renamed(self) -> Callable[[], Awaitable[None]]:
        """Rename the stream, and make a new one as a writer does. Return a function that renames the old stream back,
        which replaces the new one."""
        had = self.stream[-1]
        await self._redis.rename(WRITES, f"{WRITES}:aside")
        await ensure_groups(self._redis)
        self._now(frozenset())
        self.lost = self.accepted - self.applied
        self.epoch += 1

        async def back() -> None:
            await self._redis.rename(f"{WRITES}:aside", WRITES)
            self._now(had)
            self.lost = self.accepted - self.applied - had
            self.epoch += 1

        return back

    def restart(self) -> None:
        """Restart the queue with all its data."""
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

    async def add_ahead(self, seconds: float) -> None:
        """Add an entry under an id of the future."""
        await self._redis.xadd(WRITES, {"x": "1"}, id=f"{round((self._clock[0] + seconds) * 1000)}-0")
        self._now(self.stream[-1])

    async def bury(self, count: int) -> None:
        """Add entries that cannot be decoded, and dead-letter them at once."""
        for _ in range(count):
            entry_id = await self._redis.xadd(WRITES, {"x": "1"})
            await asyncio.to_thread(self.die, entry_id.decode(), {b"x": b"1"})
            await self._redis.xdel(WRITES, entry_id)
        self._now(self.stream[-1])

    async def take(self, count: int, *, newest: bool = False) -> None:
        """Give the oldest `count` entries that no writer holds to a writer."""
        found = await (self._redis.xrevrange if newest else self._redis.xrange)(WRITES)
        entries = [(entry_id.decode(), fields) for entry_id, fields in found]
        self.in_hand |= dict([one for one in entries if one[0] not in self.in_hand][:count])

    async def end(self, how: str) -> None:
        """End the writes that writers hold, as writers do whether or not the queue still has the entries."""
        for entry_id, fields in self.in_hand.items():
            operation_id = fields[b"operation_id"].decode()
            if operation_id not in self.applied:
                await asyncio.to_thread(ENDS[how], self, entry_id, fields)
            await self._redis.xdel(WRITES, entry_id)
            self.applied.add(operation_id)
            self.lost.discard(operation_id)
        self.in_hand = {}
        self._now(self.stream[-1] - self.applied)

    def die(
        self, entry_id: str, fields: dict[bytes, bytes], state: State = State.DEAD, partition: Partition = QUEUE
    ) -> None:
        """Index the entry as a dead letter."""
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
        """Move all letters to another state, and the items of their replay."""
        with self._engine.begin() as connection:
            connection.execute(sa.update(letters).values({"state": after.value}))
            connection.execute(sa.update(groups).values({after.value: groups.c[before]}))
            connection.execute(sa.update(groups).values({before.value: 0}))
            connection.execute(sa.update(items).values({"state": item}))

    async def choose(self) -> None:
        """Select the dead letters for a replay that sends them at once."""
        with self._engine.begin() as connection:
            for position, letter in enumerate(connection.execute(sa.select(letters)).all()):
                row = {"replay_id": 1, "position": position, "letter_id": letter.id, "state": "sending"}
                connection.execute(sa.insert(items).values(row))
        await asyncio.to_thread(self._move, State.DEAD, State.REPLAYING, "sending")

    async def send(self, *, noted: bool) -> None:
        """Send the selected letters. `noted`: whether the database records it."""
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
        """Send the dead letters again, as a replay does."""
        await self.choose()
        await self.send(noted=True)

    async def give_up(self) -> None:
        """Treat the letters that were sent as lost: they are dead as before."""
        await asyncio.to_thread(self._move, State.REPLAYING, State.DEAD, "lost")

    async def die_again(self) -> None:
        """Dead-letter the entries that were sent again."""
        entries: Any = await self._redis.xrange(WRITES)
        again = [(entry.decode(), fields) for entry, fields in entries if b"replay" in fields]
        await asyncio.to_thread(self._move, State.REPLAYING, State.DEAD_AGAIN, "failed_same")
        for entry_id, fields in again:
            await asyncio.to_thread(self.die, entry_id, fields)
            await self._redis.xdel(WRITES, entry_id)

    async def ending_the_oldest(self) -> Callable[[], None]:
        """Return a function that commits the oldest write, as a writer does that has not settled it yet."""
        [(entry_id, fields)] = await self._redis.xrange(WRITES, count=1)
        return lambda: self._end(entry_id.decode(), fields)

    async def repeat_the_oldest(self) -> None:
        """Add a second entry of the oldest operation."""
        [(_, fields)] = await self._redis.xrange(WRITES, count=1)
        await self._redis.xadd(WRITES, fields)

    async def reading(self) -> Ledger:
        """Return one reading of the ledger, whatever it shows."""
        return await ledgers.reading_at(self._redis, self._engine, None)

    def forget(self, steps: int) -> None:
        """Make the queue lose the last `steps` steps, or all its data."""
        if steps >= len(self.stream):
            self._model.wipe()
            self.stream = []
            self._now(frozenset())
        else:
            self._model.lose_last(steps + 0.5)
            self.stream = self.stream[:-steps]
            self._now(self.stream[-1])
            self.stream = self.stream[-1:]  # the model can go back no further than this
        self.lost = self.accepted - self.applied - self.stream[-1]
        self.epoch += 1

    async def forget_the_oldest(self, count: int) -> None:
        """Remove the oldest entries from the stream, and the record of the auditor's last look."""
        await self._redis.xdel(WRITES, *[entry for entry, _ in await self._redis.xrange(WRITES, count=count)])
        await self._redis.set(LOOK, 0)

    async def may_be_lost(self, second: int) -> bool:
        """Return whether an operation may be lost whose id was made `second` seconds after the begin."""
        made = round((self._began + second) * 1_000_000)
        return await asyncio.to_thread(epochs.lost_at, self._engine, made)

    def _now(self, stream: frozenset[str]) -> None:
        self.stream.append(stream)
        self._clock[0] += 1


#: The ways in which a write that a writer holds can end.
ENDS: dict[str, Callable[[World, str, dict[bytes, bytes]], None]] = {
    "applied": World._end,
    "rejected": lambda on, entry_id, fields: on._end(entry_id, fields, "rejected"),
    "dead_lettered": World.die,
    "discarded": lambda on, entry_id, fields: on.die(entry_id, fields, State.DISCARDED),
}


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Yield an empty world."""
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
