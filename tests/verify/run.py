"""A run: plant, load and break, mend, come to rest, look once more, and audit."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import redis
import uvloop

from holdfast.shared.queue.names import DEAD, WRITES
from tests.promises.case import Case
from tests.promises.history import AtRest, Noted
from tests.promises.limits import Limits
from tests.promises.verdict import Verdict, judge
from tests.verify.audit import audit
from tests.verify.clients import PATIENCE_S, Clients
from tests.verify.containers import Containers
from tests.verify.nemesis import Nemesis
from tests.verify.poison import Operator
from tests.verify.processes import Processes
from tests.verify.recorder import Recorder
from tests.verify.schedule import Planned, drawn, kinds
from tests.verify.stage import RETRY_SHARE, Stage

_GRACE_S = 240.0
_POLL_S = 0.5
_SAMPLE_S = 0.5
_USERS_LOOKED_AT, _OPERATIONS_LOOKED_AT = 150, 50
#: What a run must have seen, besides every kind of fault, or it proves nothing.
WANTED = (
    "write queued",
    "write applied past the queue",
    "write refused: conflict",
    "write resolved after doubt",
    "answer repeated to the same key",
    "queued write shown by a read",
    "fresh read",
    "copy served",
    "a writer died between commit and acknowledgement",
    "a replay taken over by another replica",
    "letter applied",
    "letter dead_again",
)
_ON_DISK = "bytes that were not on disk yet, lost with the power"


@dataclass(frozen=True)
class Plan:
    """What a run is asked to do. `recovery_s`: in which time it must come to rest."""

    seed: int
    seconds: float
    per_s: float
    letters: int
    recovery_s: float = 240.0
    #: Where it runs: a name of `STAGES`.
    on: str = "processes"


@dataclass(frozen=True)
class Run:
    """What was done, what was seen, and the verdict."""

    plan: Plan
    schedule: tuple[Planned, ...]
    case: Case
    verdict: Verdict
    #: (seconds, entries on the write stream).
    backlog: tuple[tuple[float, int], ...]
    #: From the recorder's start: when the load began and ended.
    load_s: tuple[float, float]
    notes: tuple[str, ...]
    #: How late the clients sent at most: their own fault.
    slip_s: float
    #: What had to happen.
    wanted: tuple[str, ...]


STAGES: Mapping[str, Callable[[Path], Stage]] = {"processes": Processes, "containers": Containers}


def run(folder: Path, plan: Plan) -> Run:
    """In `folder`, which is empty. Raises Problem when the stage cannot be set up here."""
    recorder = Recorder()
    with STAGES[plan.on](folder) as stage:
        stage.start()
        every = kinds(tuple(stage.services), tuple(stage.links.ports))
        schedule = drawn(plan.seed, plan.seconds, every)
        operator = Operator(stage, recorder)
        operator.plant(plan.letters)
        backlog: list[tuple[float, int]] = []
        storm = _Storm(stage, recorder, plan, operator, backlog)
        load_s = uvloop.run(storm.rage(schedule))
        _note_what_the_stage_knows(stage, recorder, operator)
        stage.kill_services()
        final = audit(stage)
        observed = stage.queue.observed
    limits = Limits(answer_s=PATIENCE_S, recovery_s=plan.recovery_s, retry_share=RETRY_SHARE)
    case = Case(recorder.history(), final, limits)
    wanted = [*dict.fromkeys(planned.kind for planned in schedule), *WANTED, *([_ON_DISK] if observed else [])]
    notes = tuple(stage.limits)
    return Run(plan, schedule, case, judge(case, wanted), tuple(backlog), load_s, notes, storm.slip_s, tuple(wanted))


class _Storm:
    """Everything that happens at one time."""

    def __init__(
        self, stage: Stage, recorder: Recorder, plan: Plan, operator: Operator, backlog: list[tuple[float, int]]
    ) -> None:
        self._stage = stage
        self._recorder = recorder
        self._plan = plan
        self._operator = operator
        self._backlog = backlog
        self._clients = Clients(stage, recorder, plan.seed + 1)
        self._nemesis = Nemesis(stage, recorder)

    @property
    def slip_s(self) -> float:
        """How late an arrival was sent at most."""
        return max(self._clients.loop.slips_s, default=0.0)

    async def rage(self, schedule: tuple[Planned, ...]) -> tuple[float, float]:
        """Until it is at rest and has been looked at; when the load began and ended."""
        plan, recorder = self._plan, self._recorder
        await asyncio.to_thread(self._operator.replay, plan.letters, plan.seconds)
        began = recorder.now()
        others = (self._sample(), self._nemesis.supervise(), self._clients.watch_ourselves())
        meanwhile = [asyncio.create_task(each) for each in others]
        load = asyncio.create_task(self._clients.load(plan.seconds, plan.per_s))
        await self._nemesis.carry_out(schedule)
        await asyncio.to_thread(self._stage.heal)
        mended = recorder.now()
        self._clients.give_up_s = mended + _GRACE_S
        await load
        ended = max(began + plan.seconds, mended)
        await self._rest(max(mended, began + plan.seconds))
        await self._nemesis.finish()
        await self._look()
        for task in meanwhile:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._clients.close()
        return began, ended

    async def _rest(self, mended: float) -> None:
        """Until nothing is left to do; without an `AtRest` when that does not come."""
        end = mended + _GRACE_S
        missing = ""
        while self._recorder.now() < end:
            if not (missing := await asyncio.to_thread(self._missing)):
                self._recorder.add(AtRest(self._recorder.now(), mended))
                return
            await asyncio.sleep(_POLL_S)
        self._recorder.note(f"no rest: {missing}")

    def _missing(self) -> str:
        """What keeps it from rest; empty: nothing."""
        for stream in (WRITES, DEAD):
            if length := self._length(stream):
                return f"{length} entries on {stream}"
        return "" if self._operator.is_over() else "the replay is not over"

    async def _look(self) -> None:
        """What clients know of, once more. Breakers that are still half open get the requests that they wait for."""
        workload = self._clients.workload
        self._clients.give_up_s = self._recorder.now() + _GRACE_S
        users = [f"/users/{id}" for id in workload.users()[-_USERS_LOOKED_AT:]]
        await self._clients.look(users + [f"/operations/{id}" for id in workload.operations()[-_OPERATIONS_LOOKED_AT:]])

    async def _sample(self) -> None:
        while True:
            length = await asyncio.to_thread(self._length, WRITES, -1)
            if length >= 0:
                self._backlog.append((self._recorder.now(), length))
            await asyncio.sleep(_SAMPLE_S)

    def _length(self, stream: str, otherwise: int = 1) -> int:
        """`otherwise`: when the queue does not answer."""
        try:
            with self._stage.queue.client() as client:
                return int(client.xlen(stream))
        except redis.RedisError:
            return otherwise


def _note_what_the_stage_knows(stage: Stage, recorder: Recorder, operator: Operator) -> None:
    at_s = recorder.now()
    half_done: Counter[str] = Counter({"a writer died between commit and acknowledgement": len(stage.half_done())})
    with stage.database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT lease_token FROM replays WHERE id = %s", (operator.replay_id,))
        row = cursor.fetchone()
    half_done["a replay taken over by another replica"] = max(0, int(row[0]) - 1) if row else 0
    for what, count in half_done.items():
        for _ in range(count):
            recorder.add(Noted(at_s, what))
