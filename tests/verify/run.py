"""A run: plant, load and break, mend, come to rest, look once more, and audit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.promises import available
from tests.promises.case import Case
from tests.promises.history import Noted
from tests.promises.limits import Limits
from tests.promises.verdict import Verdict, judge
from tests.verify.audit import audit
from tests.verify.clients import PATIENCE_S
from tests.verify.containers import Containers
from tests.verify.ha import HighlyAvailable
from tests.verify.poison import Operator
from tests.verify.processes import Processes
from tests.verify.recorder import Recorder
from tests.verify.schedule import SHORT_S, TAKEN_OVER, Planned, down_alone, drawn, kinds
from tests.verify.stage import RETRY_BURST, RETRY_SHARE, Stage
from tests.verify.storm import DIED_HALFWAY, Storm

HA = "ha"
#: The stages on which a run is possible.
STAGES: Mapping[str, Callable[[Path, int], Stage]] = {
    "processes": Processes,
    "containers": Containers,
    HA: HighlyAvailable,
}
#: What a run has to see, besides every kind of fault, to prove anything.
WANTED = (
    "write queued",
    "write applied past the queue",
    "write refused: conflict",
    "write resolved after doubt",
    "answer repeated to the same key",
    "queued write shown by a read",
    "fresh read",
    "copy served",
)
LETTERS = (TAKEN_OVER, "letter applied", "letter dead_again")
_ON_DISK = "bytes that were not on disk yet, lost with the power"
#: What a run has to see while each dependency is down alone.
_ALONE_S, _ALONE_SHARE_MAX = 5.0, 1 / 3


@dataclass(frozen=True)
class Plan:
    """The options of a run. `recovery_s`: the time in which it has to come to rest."""

    seed: int
    seconds: float
    per_s: float
    letters: int
    recovery_s: float = 240.0
    #: A name of `STAGES`.
    on: str = "processes"
    #: Partitions of the queue.
    partitions: int = 1


@dataclass(frozen=True)
class Run:
    """A finished run: what was done and seen, and the verdict."""

    plan: Plan
    schedule: tuple[Planned, ...]
    case: Case
    verdict: Verdict
    #: (seconds, entries on the write stream).
    backlog: tuple[tuple[float, int], ...]
    #: When the load began and ended, in seconds from the recorder's start.
    load_s: tuple[float, float]
    notes: tuple[str, ...]
    #: The greatest lateness of the clients, which is their own fault.
    slip_s: float
    #: What had to happen.
    wanted: tuple[str, ...]


def run(folder: Path, plan: Plan) -> Run:
    """Run in `folder`, which is empty. Raises Problem if the system cannot be set up here."""
    recorder = Recorder()
    with STAGES[plan.on](folder, plan.partitions) as stage:
        stage.start()
        every = kinds(
            tuple(stage.services), tuple(stage.links.ports), disk=stage.disk, fails_over=stage.fails_over,
            cuts_off="cut off" in stage.levers,
        )  # fmt: skip
        alone = down_alone(plan.seed, plan.seconds, tuple(stage.services))
        broken_s = plan.seconds - min(_ALONE_S * len(alone), _ALONE_SHARE_MAX * plan.seconds)
        schedule = drawn(plan.seed, broken_s, every)
        wanted = [*dict.fromkeys(planned.kind for planned in schedule), *WANTED, *LETTERS]
        wanted += [DIED_HALFWAY] if stage.dies_halfway else []
        wanted += [available.name_of(down.dependency, kind) for down in alone for kind in available.KINDS]
        wanted += [_ON_DISK] if stage.queue.observed else []
        operator = Operator(stage, recorder)
        operator.plant(plan.letters)
        operator.replay(plan.letters, plan.seconds)
        storm = Storm(stage, recorder, plan.seed, operator)
        load_s = uvloop.run(storm.rage(schedule, alone, every, wanted if plan.seconds >= SHORT_S else (), plan.per_s))
        for what, count in storm.known().items():
            for _ in range(count):
                recorder.add(Noted(recorder.now(), what))
        stage.end_services()
        final = audit(stage)
        proxies = sum(name.startswith("external-proxy") for name in stage.services)
    history = recorder.history()
    limits = Limits(
        answer_s=PATIENCE_S, recovery_s=plan.recovery_s, retry_share=RETRY_SHARE, retry_burst=RETRY_BURST * proxies,
        heartbeats=sum(fault.target == "queue" for fault in history.faults),
    )  # fmt: skip
    case = Case(history, final, limits)
    slip_s = max(storm.clients.loop.slips_s, default=0.0)
    verdict = judge(case, wanted)
    return Run(plan, schedule, case, verdict, tuple(storm.backlog), load_s, tuple(stage.limits), slip_s, tuple(wanted))
