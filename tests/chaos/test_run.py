"""One experiment from beginning to end, on processes of its own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from deploy.chaos.experiment import DEGRADED, GOOD, HONEST, BreakerOpened, Expect, Experiment, Saw, Stage, Waited
from deploy.chaos.run import run
from deploy.local.processes import Process, freeze
from deploy.stacks.faults import Fault, Freeze
from deploy.stacks.guard import mended_after
from deploy.stacks.journal import Journal
from deploy.stacks.spawn import undo_of
from tests import keys, processes
from tests.servers import Database, RedisServer
from tests.stacks.dead import DeadStack

EXPERIMENT = Experiment(
    name="short",
    breaks="the database is frozen",
    hypothesis="writes wait and reads come from copies",
    target="database",
    stages=[Stage("frozen", [Freeze("database")])],
    during=[Expect("all", HONEST, 0.9), Expect("writes", (GOOD,), 0.9)],
    must_see=[BreakerOpened("api", "database"), Saw("reads", DEGRADED), Waited(1)],
    duration_s=5,
    steady=[Expect("all", (GOOD,), 0.9)],
)


class OwnStack(DeadStack):
    """A stack with an api, a writer and a dlq_admin, of which only the database can be broken, and only by freezing
    it."""

    operator_key = keys.OPERATOR

    def __init__(self, programs: Mapping[str, processes.Service], database: Database, journal: Journal) -> None:
        super().__init__(journal, 60)
        self._programs = programs
        self._database = database

    def address(self, program: str) -> str:
        """Return the address of a program as `host:port`."""
        return f"127.0.0.1:{self._programs[program].port}"

    def ledger(self) -> tuple[bool, str]:
        """Return a balanced ledger, which this experiment does not need."""
        return True, ""

    def _begin(self, fault: Fault) -> None:
        assert isinstance(fault, Freeze)
        process = Process.of(self._database.pid)
        assert process
        self._journal.add(undo_of(process) | {"how": "continue"})
        freeze(process.pid)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """An empty journal."""
    return Journal(tmp_path / "chaos" / "undo.json")


@pytest.fixture
def stack(own_redis: RedisServer, own_database: Database, tmp_path: Path, journal: Journal) -> Iterator[OwnStack]:
    """A running stack with nothing broken."""
    about = (tmp_path, own_redis.address, own_database.dsn)
    services = {
        "api": processes.api(*about, **processes.HASTY_API, HOLDFAST_API_BREAKER_OPEN_S="0.5"),
        "writer": processes.writer(*about, **processes.QUICK),
        "dlq_admin": processes.dlq_admin(*about),
    }
    with processes.running(*services.values()):
        yield OwnStack(services, own_database, journal)


def test_from_steady_state_to_verdict(stack: OwnStack, journal: Journal) -> None:
    """While the database hangs, clients get honest responses; afterwards every accepted write is applied and nothing
    stays broken."""
    reported: list[str] = []
    with mended_after(journal, reported.append):
        done = run(EXPERIMENT, stack, 15, reported.append, quiet_s=3, weights="reads=2,writes=1")
    assert (done.verdict.word, done.verdict.deviations, done.verdict.vacuous) == ("passed", [], [])
    assert done.seen.settled.states["applied"] > 20
    assert done.recovery.steady_s is not None
    assert journal.read() == []
