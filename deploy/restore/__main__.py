"""`python -m deploy.restore`: the drill on this clone's running stack, whose data is a few seconds older afterwards.
Exit code 0: every write that was acknowledged before the backup is there, 1: one is not, 2: it could not be tried."""

import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.chaos.writes import Write, Writes
from deploy.client.connections import Response
from deploy.client.open_loop import now
from deploy.client.outcome import Outcome
from deploy.client.plan import UNTIL_STOPPED_S, Plan, parse
from deploy.client.request import bearer, request
from deploy.client.requests import Request
from deploy.client.session import Background
from deploy.local import database, stack
from deploy.local.output import Problem, echo
from deploy.local.places import LOCAL
from deploy.local.postpone import ENDING
from deploy.local.programs import programs
from deploy.local.progress import during
from deploy.local.readiness import wait_ready
from deploy.local.secret import secret
from deploy.local.services import address
from deploy.local.settings import saved
from deploy.local.supervisor_client import Supervisor
from deploy.restore import backup
from holdfast_client import Client, HoldfastError, NotFound

_PER_S = 25.0
_BEFORE_S, _AFTER_S = 6.0, 6.0
_STOP_S = 90.0
_REST_S = 120.0
_FOLDER = LOCAL / "restore"


@dataclass
class _Timed(Writes):
    """Writes with the time of each acknowledgement, in Unix seconds."""

    at: list[tuple[float, Write]] = field(default_factory=list)

    def completed(self, intended: float, request: Request, response: Response, outcome: Outcome) -> None:
        """Note one completed request of the run."""
        before = len(self.sent)
        super().completed(intended, request, response, outcome)
        self.at += [(now(), write) for write in self.sent[before:] if write.operation]


def main() -> int:
    """Run the drill, print each step and what is missing in the end, and return the exit code."""
    for ending in ENDING:
        signal.signal(ending, signal.default_int_handler)
    try:
        supervisor = stack.running()
        if supervisor is None:
            raise Problem("the stack is not running", "make up")
        if saved().ha:
            raise Problem("this drill is of one node of each store, and several are running", "make down", "make up")
        return _drill(supervisor)
    except Problem as problem:
        echo(f"\n{problem}")
        return 2
    except KeyboardInterrupt:
        echo(f"\nInterrupted. What was backed up is in {_FOLDER}; make down, then make up.")
        return 2


def _drill(supervisor: Supervisor) -> int:
    shutil.rmtree(_FOLDER, ignore_errors=True)
    writes = _Timed()
    echo(f"1. Load: {_PER_S:.0f} writes/s")
    api = address(saved(), "api")
    with Background(Plan(f"http://{api}", _PER_S, UNTIL_STOPPED_S, parse("writes=1")), writes) as traffic:
        time.sleep(_BEFORE_S)
        echo("2. Backup, under load: the queue, then the database")
        began = now()
        backup.take(_FOLDER)
        ended = now()
        echo(f"   {ended - began:.1f} s; more load")
        time.sleep(_AFTER_S)
        traffic.check()
    echo("3. Everything is stopped, and the data of both stores is destroyed")
    _destroy(supervisor)
    echo("4. The backup is restored, and everything is started")
    _restore(supervisor)
    echo("5. Coming to rest")
    return _judge(api, writes.at, began, ended)


def _destroy(supervisor: Supervisor) -> None:
    every = programs(saved())
    for kinds in (("service", "neighbour"), ("store",)):
        supervisor.stop([program.name for program in every if program.kind in kinds], _STOP_S)
    backup.destroy()


def _restore(supervisor: Supervisor) -> None:
    every = programs(saved())
    backup.restore_queue(_FOLDER)
    database.prepare(saved())
    stores = [program for program in every if program.kind == "store"]
    supervisor.start(program.name for program in stores)
    wait_ready(supervisor, stores)
    backup.restore_database(_FOLDER)
    database.migrate(saved())
    rest = [program for program in every if program.kind != "store"]
    supervisor.start(program.name for program in rest)
    wait_ready(supervisor, rest)


def _judge(api: str, acknowledged: list[tuple[float, Write]], began: float, ended: float) -> int:
    deadline = time.monotonic() + _REST_S
    fates: dict[str, Counter[str]] = {"before the backup": Counter(), "during it": Counter(), "after it": Counter()}
    with during("asking for every acknowledged write"), Client(f"http://{api}") as holdfast:
        for at, write in acknowledged:
            when = "before the backup" if at < began else "during it" if at < ended else "after it"
            fates[when][_fate(holdfast, write.operation, deadline)] += 1
    for when, counts in fates.items():
        echo(f"   acknowledged {when:18} {sum(counts.values()):5}: {_words(counts)}")
    ledger = _ledger()
    echo(f"   the ledger: {_words(ledger)}")
    lost = sum(count for fate, count in fates["before the backup"].items() if fate != "applied")
    if not fates["before the backup"]:
        raise Problem("nothing was acknowledged before the backup, so nothing was shown")
    echo("Nothing that was acknowledged before the backup is missing." if not lost else f"{lost} writes are MISSING.")
    return 1 if lost else 0


def _words(counts: Mapping[str, int]) -> str:
    """Format the numbers that are not 0: `148 applied, 5 dead lettered`."""
    return ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count) or "none"


def _fate(holdfast: Client, operation: str, deadline: float) -> str:
    """Return `applied`, another final state, `gone`, or why the state is unknown when the time is over."""
    try:
        return holdfast.wait_for(operation, timeout_s=max(0.0, deadline - time.monotonic())).status
    except NotFound:
        return "gone"
    except HoldfastError as error:
        return str(error.details.get("status") or error.code or type(error).__name__)


def _ledger() -> dict[str, int]:
    answer = request(address(saved(), "dlq_admin"), "GET", "/ledger", headers=bearer(secret("operator_token")))
    if answer.status != 200:
        raise Problem(f"dlq_admin answers {answer.status} to GET /ledger", "make ledger")
    terms: dict[str, int] = answer.body["data"]
    return {name: value for name, value in terms.items() if isinstance(value, int) and value}


if __name__ == "__main__":
    sys.exit(main())
