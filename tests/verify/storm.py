"""The storm: load, faults and an operator at the same time, until everything has been seen; then everything is mended
and comes to rest."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import pymysql
import redis

from tests.promises import available
from tests.promises.case import Case
from tests.promises.final import Final
from tests.promises.history import Alone, AtRest, History
from tests.promises.sometimes import counted
from tests.verify.audit import ended
from tests.verify.clients import Clients
from tests.verify.nemesis import Nemesis
from tests.verify.poison import Operator
from tests.verify.recorder import Recorder
from tests.verify.schedule import TAKEN_OVER, Down, Kind, Planned, again
from tests.verify.stage import Stage

_GRACE_S = 240.0
_POLL_S = 0.5
_SAMPLE_S = 0.5
_USERS_LOOKED_AT, _OPERATIONS_LOOKED_AT = 150, 50
#: Reads and writes that have to succeed while one dependency alone is down, and the longest time for that.
_ENOUGH, _ALONE_MAX_S = 12, 25.0
#: Seconds for everything to recover in between, and the number of waiting entries that no client notices.
_WELL_S, _WORKED_OFF = 60.0, 60
#: How often missing events are tried again.
_ROUNDS = 3
_STREAMS: tuple[Literal["writes", "dead"], ...] = ("writes", "dead")
DIED_HALFWAY = "a writer died between commit and acknowledgement"


class Storm:
    """Everything that happens during the load."""

    def __init__(self, stage: Stage, recorder: Recorder, seed: int, operator: Operator) -> None:
        self._stage = stage
        self._recorder = recorder
        self._operator = operator
        self.clients = Clients(stage, recorder, seed + 1)
        self._nemesis = Nemesis(stage, recorder)
        #: (seconds, entries on the write stream).
        self.backlog: list[tuple[float, int]] = []
        self._before: History | None = None

    async def rage(
        self,
        schedule: tuple[Planned, ...],
        alone: Iterable[Down],
        every: Sequence[Kind],
        wanted: Iterable[str],
        per_s: float,
    ) -> tuple[float, float]:
        """Run until everything is at rest and has been looked at. Return when the load began and ended."""
        began = self._recorder.now()
        others = (self._sample(), self._nemesis.supervise(), self.clients.watch_ourselves())
        meanwhile = [asyncio.create_task(each) for each in others]
        load = asyncio.create_task(self.clients.load(per_s))
        await self._nemesis.carry_out(schedule)
        for _ in range(_ROUNDS):
            missed = await asyncio.to_thread(self._missed, wanted)
            await self._nemesis.carry_out(again(missed, every, self._stage.services))
        await self._die_halfway()
        for down in alone:
            if unwell := await self._unwell():
                self._recorder.note(f"not taken away, because not all was well: {down.dependency} ({unwell})")
            else:
                self._before = self._recorder.history()
                await self._nemesis.alone(down, self._is_enough, _ALONE_MAX_S)
        self.clients.stop()
        await asyncio.to_thread(self._stage.heal)
        mended = self._recorder.now()
        self.clients.give_up_s = mended + _GRACE_S
        await load
        await self._rest(mended)
        await self._nemesis.finish()
        await self._look()
        for task in meanwhile:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.clients.close()
        return began, mended

    def known(self) -> Counter[str]:
        """Return what only the stage knows. Raises MySQLError."""
        with self._stage.database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT lease_token FROM replays WHERE id = %s", (self._operator.replay_id,))
            row = cursor.fetchone()
        taken_over = max(0, int(row[0]) - 1) if row else 0
        return Counter({DIED_HALFWAY: len(self._stage.half_done()), TAKEN_OVER: taken_over})

    def _missed(self, wanted: Iterable[str]) -> list[str]:
        """Return what has not been seen yet, as far as that is known before the end."""
        try:
            found = self.known()
            over = tuple(ended(self._stage.database))
        except pymysql.err.MySQLError:
            return []  # the target is down, and more faults would show nothing
        found += counted(Case(self._recorder.history(), Final(ended=over)))
        return [what for what in wanted if not found[what]]

    async def _die_halfway(self) -> None:
        """Let a writer die half-way. A slow machine may be done with all faults before a writer has committed
        anything."""
        end = self._recorder.now() + _WELL_S
        while self._stage.dies_halfway and not self._stage.half_done() and self._recorder.now() < end:
            await asyncio.sleep(_POLL_S)

    def _is_enough(self, alone: Alone) -> bool:
        """Return whether clients have got enough while one dependency is down. It does not read the whole history each
        time, because the clients need the processor."""
        done = available.asked(self._recorder.history(alone.at_s), alone, self._before).values()
        return all(sum(map(available.is_usable, attempts)) >= _ENOUGH for attempts in done)

    async def _unwell(self) -> str:
        """Mend everything. Return what is not as usual after a while, or an empty text."""
        await asyncio.to_thread(self._stage.heal)
        await self._nemesis.finish()
        unwell, end = "no time", self._recorder.now() + _WELL_S
        while unwell and self._recorder.now() < end:
            backlog = await asyncio.to_thread(self._length)
            unwell = f"{backlog} entries wait" if backlog > _WORKED_OFF else await self.clients.open_breaker()
            if unwell:
                await asyncio.sleep(_POLL_S)
        return unwell

    async def _rest(self, mended: float) -> None:
        """Wait until no work is left. If that does not come, no `AtRest` is recorded."""
        end = mended + _GRACE_S
        missing = ""
        while self._recorder.now() < end:
            if not (missing := await asyncio.to_thread(self._missing)):
                self._recorder.add(AtRest(self._recorder.now(), mended))
                return
            await asyncio.sleep(_POLL_S)
        self._recorder.note(f"no rest: {missing}")

    def _missing(self) -> str:
        """Return what keeps the system from rest, or an empty text. The checks follow the order in which one part fills
        the next."""
        if not self._operator.is_over():
            return "the replay is not over"
        for stream in _STREAMS:
            if length := self._length(stream):
                return f"{length} entries on the stream of {stream}"
        return ""

    async def _look(self) -> None:
        """Read once more what clients know. Breakers that are still half open get the requests that they need."""
        workload = self.clients.workload
        self.clients.give_up_s = self._recorder.now() + _GRACE_S
        users = [f"/users/{id}" for id in workload.users()[-_USERS_LOOKED_AT:]]
        await self.clients.look(users + [f"/operations/{id}" for id in workload.operations()[-_OPERATIONS_LOOKED_AT:]])

    async def _sample(self) -> None:
        while True:
            length = await asyncio.to_thread(self._length, "writes", -1)
            if length >= 0:
                self.backlog.append((self._recorder.now(), length))
            await asyncio.sleep(_SAMPLE_S)

    def _length(self, stream: Literal["writes", "dead"] = "writes", otherwise: int = 1) -> int:
        """Return the number of entries, or `otherwise` if the queue does not answer."""
        try:
            return self._stage.length(stream)
        except redis.RedisError:
            return otherwise
