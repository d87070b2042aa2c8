"""The nemesis: injects the faults of the schedule, and ends them. What it killed is started again, as by a
supervisor."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

import httpx
import pymysql
import redis

from deploy.faults.faults import Faults, LoseReply, WayFaults
from deploy.local.output import Problem
from tests import database_faults
from tests.database_faults import DatabaseFault
from tests.promises.history import Alone, Fault
from tests.servers import wait_until
from tests.verify.recorder import Recorder
from tests.verify.schedule import Down, Planned
from tests.verify.stage import Stage

_SUPERVISED_EVERY_S = 0.3
_ALIVE_S = 120.0
_ON_LINKS = {
    "cut": Faults(refuse=True, reset=True),
    "hang": Faults.both(blackhole=True),
    "half cut": Faults(down=WayFaults(blackhole=True)),
    "slow": Faults(down=WayFaults(latency_ms=250, jitter_ms=200)),
}
#: Text on the wire: the commit, and the scripts that accept and settle.
_COMMANDS = {"database": "COMMIT", "queue": "EVALSHA"}
_NO_SUCH_TRIGGER = 1360
_KNOWN = {fault.name: fault for fault in database_faults.KNOWN}
#: The error number when a table's file cannot grow.
_TABLE_FULL = 1114
_OF_DATABASE = {
    "read-only": _KNOWN["read-only"],
    "locked accounts": _KNOWN["locked account"],
    "table full": database_faults.refusing("operations", _TABLE_FULL),
}
#: Bytes left on the queue's disk when it is about to be full.
_ROOM_BYTES = 4096
_OF_THIRD_PARTY = {"fail": {"fault": "fail", "rate": 0.8}, "hang": {"fault": "hang", "rate": 0.5}}

Undo = Callable[[], Awaitable[None]]


class Nemesis:
    """Injects faults, and records how long each lasted."""

    def __init__(self, stage: Stage, recorder: Recorder) -> None:
        self._stage = stage
        self._recorder = recorder
        self._watched: set[asyncio.Task[None]] = set()
        #: Only one fault at a time for each target, however long the previous one took to end.
        self._turns: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def carry_out(self, schedule: Iterable[Planned]) -> None:
        """Carry out the schedule from now on. Return when every fault has ended, as far as possible."""
        began = self._recorder.now()
        async with asyncio.TaskGroup() as faults:
            for planned in schedule:
                await asyncio.sleep(max(0.0, began + planned.at_s - self._recorder.now()))
                faults.create_task(self._in_turn(planned))

    async def alone(self, down: Down, is_enough: Callable[[Alone], bool], most_s: float) -> None:
        """Take one dependency down and leave the rest healthy, until clients have seen enough of it, or for
        `most_s`."""
        began = self._recorder.now()
        undos = [(planned, undo) for planned in down.faults if (undo := await self._begin(planned))]
        alone = Alone(self._recorder.now(), self._recorder.now(), down.dependency)
        while not is_enough(alone) and alone.until_s < alone.at_s + most_s:
            await asyncio.sleep(_SUPERVISED_EVERY_S)
            alone = replace(alone, until_s=self._recorder.now())
        if len(undos) == len(down.faults):
            self._recorder.add(alone)
        for planned, undo in undos:
            await self._end(planned, began, undo)

    async def supervise(self) -> None:
        """Start whatever has ended by itself, again and again."""
        while True:
            await asyncio.sleep(_SUPERVISED_EVERY_S)
            for name in await asyncio.to_thread(self._stage.supervise):
                at_s = self._recorder.now()
                self._watch(name, Fault(at_s, at_s, "end by itself", name))

    async def finish(self) -> None:
        """Wait until what was started last answers."""
        if self._watched:
            await asyncio.wait(self._watched, timeout=_ALIVE_S)

    async def _in_turn(self, planned: Planned) -> None:
        async with self._turns[self._stage.turn(planned.target)]:
            try:
                await self._one(planned)
            except Problem as problem:  # the others go on; what never happened is in the verdict
                self._recorder.note(f"not done: {planned.kind}: {problem.args[0]}")

    async def _one(self, planned: Planned) -> None:
        at_s = self._recorder.now()
        if undo := await self._begin(planned):
            await asyncio.sleep(planned.lasts_s)
            await self._end(planned, at_s, undo)

    async def _begin(self, planned: Planned) -> Undo | None:
        begin = self._services if planned.target in self._stage.services else self._of(planned)
        undo = await begin(planned)
        if undo is None:
            self._recorder.note(f"not done, because its target was down: {planned.kind}")
        return undo

    async def _end(self, planned: Planned, at_s: float, undo: Undo) -> None:
        await undo()
        fault = fault_of(planned, at_s, self._recorder.now(), fails_over=self._stage.fails_over)
        if planned.target in self._stage.services:
            self._watch(planned.target, fault)
        else:
            self._recorder.add(fault)

    def _of(self, planned: Planned) -> Callable[[Planned], Awaitable[Undo | None]]:
        if planned.what in self._stage.levers:
            return self._lever
        if "→" in planned.target:
            return self._link
        if planned.target == "third party":
            return self._third_party
        match planned.what:
            case "kill" | "freeze" | "power loss" | "fail over":
                return self._server
            case "fill":
                return self._fill
            case "disk full":
                return self._disk
            case _:
                return self._database

    async def _services(self, planned: Planned) -> Undo | None:
        service = self._stage.services[planned.target]
        if not await asyncio.to_thread(
            lambda: service.running
        ):  # the target ended by itself, and has to run to be broken
            await asyncio.to_thread(self._stage.supervise)
        if not await asyncio.to_thread(lambda: service.running):
            return None
        if planned.what == "freeze":
            with contextlib.suppress(ProcessLookupError, AssertionError):
                await asyncio.to_thread(service.freeze)

            async def thaw() -> None:
                await asyncio.to_thread(service.thaw)

            return thaw
        self._stage.held.add(planned.target)
        await asyncio.to_thread(service.kill)

        async def start() -> None:
            self._stage.held.discard(planned.target)
            await asyncio.to_thread(self._stage.supervise)  # it may be killed again while it starts

        return start

    async def _server(self, planned: Planned) -> Undo | None:
        server = self._stage.servers[planned.target]
        if planned.what == "freeze":
            await asyncio.to_thread(server.freeze)

            async def thaw() -> None:
                await asyncio.to_thread(server.thaw)

            return thaw
        if planned.what == "power loss":
            lost_bytes = await asyncio.to_thread(self._stage.queue.lose_power)
            if lost_bytes:
                self._recorder.note("bytes that were not on disk yet, lost with the power")
        else:
            await asyncio.to_thread(server.kill)

        async def start() -> None:
            await asyncio.to_thread(server.start)

        return start

    async def _lever(self, planned: Planned) -> Undo:
        mend = await asyncio.to_thread(self._stage.levers[planned.what])

        async def undo() -> None:
            await asyncio.to_thread(mend)

        return undo

    async def _link(self, planned: Planned) -> Undo:
        if planned.what == "lose replies":
            store = planned.target.rpartition(" ")[2]
            faults = Faults(lose_reply=LoseReply(_COMMANDS[store], times=3))
        else:
            faults = _ON_LINKS[planned.what]
        await asyncio.to_thread(self._stage.links.set, planned.target, faults)

        async def heal() -> None:
            if await asyncio.to_thread(self._stage.links.heal, planned.target):
                self._recorder.note(f"a reply of the {planned.target.rpartition(' ')[2]} lost after it took effect")

        return heal

    async def _third_party(self, planned: Planned) -> Undo:
        party = self._stage.third_party
        with contextlib.suppress(httpx.TransportError):
            await asyncio.to_thread(lambda: party.behave(**_OF_THIRD_PARTY[planned.what]))

        async def well() -> None:
            with contextlib.suppress(httpx.TransportError):
                await asyncio.to_thread(party.behave)

        return well

    async def _fill(self, planned: Planned) -> Undo | None:
        """Set a limit below the memory in use, so that every command which needs memory is refused."""
        if not await asyncio.to_thread(self._limit, 1):
            return None

        async def empty() -> None:
            await asyncio.to_thread(self._limit, 0)

        return empty

    async def _disk(self, _: Planned) -> Undo | None:
        """Keep the append-only file from growing. Redis ends in the middle of a write that it cannot keep."""
        queue = self._stage.queue
        if not queue.running:
            return None
        await asyncio.to_thread(queue.fill_disk, _ROOM_BYTES)

        async def room() -> None:
            await asyncio.to_thread(queue.kill)
            await asyncio.to_thread(queue.start)

        return room

    def _limit(self, maxmemory: int) -> bool:
        try:
            with self._stage.queue.client() as client:
                client.config_set("maxmemory", maxmemory)
        except redis.RedisError:
            return False  # the server is down, and has no limit after its start
        return True

    async def _database(self, planned: Planned) -> Undo | None:
        fault = _OF_DATABASE.get(planned.what) or database_faults.refusing("operations", database_faults.any_number())
        fault = fault.for_users_at(self._stage.database_users_at)

        async def mend() -> None:
            await asyncio.to_thread(wait_until, lambda: self._mended(fault), what=f"{fault.name} is mended")

        if not await asyncio.to_thread(self._put, fault.begin):
            await mend()  # the answer may be lost, and the fault in place
            return None

        return mend

    def _put(self, statement: str) -> bool:
        database = self._stage.database
        try:
            database_faults.as_root(database, statement)
            database_faults.end_connections(database)
        except pymysql.err.MySQLError:
            return False
        return True

    def _mended(self, fault: DatabaseFault) -> bool:
        """Undo a fault of the database, which is up: no two faults target it at one time. A lock may be in the way."""
        try:
            database_faults.as_root(self._stage.database, fault.end)
        except pymysql.err.MySQLError as error:
            return bool(error.args) and error.args[0] == _NO_SUCH_TRIGGER
        return True

    def _watch(self, name: str, fault: Fault) -> None:
        """Count the service as broken until it answers."""
        task = asyncio.get_running_loop().create_task(self._until_alive(name, fault))
        self._watched.add(task)
        task.add_done_callback(self._watched.discard)

    async def _until_alive(self, name: str, fault: Fault) -> None:
        end_s = self._recorder.now() + _ALIVE_S
        async with httpx.AsyncClient(timeout=5, verify=False) as client:  # noqa: S501 - no TLS here
            while self._recorder.now() < end_s:
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{self._stage.services[name].url}/livez")).status_code == 200:
                        break
                await asyncio.sleep(_SUPERVISED_EVERY_S)
        self._recorder.add(Fault(fault.at_s, self._recorder.now(), fault.what, fault.target))


def fault_of(planned: Planned, at_s: float, until_s: float, *, fails_over: bool) -> Fault:
    """Return the fault as an event of the history. A node that takes the queue over has everything that was
    acknowledged, and may lack an unacknowledged try: it forgets from the fault's own end on."""
    moved = fails_over and planned.target == "queue"
    return Fault(at_s, until_s, planned.what, planned.target, forgets_since_s=until_s if moved else None)
