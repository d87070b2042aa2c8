"""One experiment from beginning to end, on processes of its own."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from deploy.chaos.experiment import HONEST, BreakerOpened, Expect, Experiment, Fault, Freeze, Saw, Stage, Waited
from deploy.chaos.guard import mended_after
from deploy.chaos.journal import Journal
from deploy.chaos.run import run
from deploy.chaos.traffic import Traffic
from deploy.local.processes import Process, freeze
from tests import keys, processes
from tests.servers import Database, RedisServer

EXPERIMENT = Experiment(
    name="short",
    breaks="the database is frozen",
    hypothesis="writes wait and reads come from copies",
    target="database",
    stages=[Stage("frozen", [Freeze("database")])],
    during=[Expect("all", HONEST, 0.9), Expect("writes", ("good",), 0.9)],
    must_see=[BreakerOpened("api", "database"), Saw("reads", "degraded"), Waited(1)],
    duration_s=5,
    steady=[Expect("all", ("good",), 0.9)],
)


class TestStack:
    """An api, a writer and a dlq_admin; only the database can be broken, and only by freezing it."""

    __test__ = False
    token = keys.OPERATOR

    def __init__(
        self, api: processes.Service, dlq_admin: processes.Service, database: Database, journal: Journal
    ) -> None:
        self.api, self.dlq_admin = f"127.0.0.1:{api.port}", f"127.0.0.1:{dlq_admin.port}"
        self._database = database
        self._journal = journal

    def prepare(self, faults: Iterable[Fault]) -> None:
        """Nothing."""

    def break_it(self, fault: Fault) -> None:
        """Freeze it."""
        assert isinstance(fault, Freeze)
        process = Process.of(self._database.pid)
        assert process
        self._journal.add({"how": "continue", "process": [process.pid, process.born, process.boot]})
        freeze(process.pid)

    def processes(self, program: str) -> dict[str, str]:
        """Nobody asks."""
        return {}


@pytest.fixture
def stack(own_redis: RedisServer, own_database: Database, tmp_path: Path) -> Iterator[TestStack]:
    """Running, with nothing broken."""
    about = (tmp_path, own_redis.address, own_database.dsn)
    services = [
        processes.api(*about, HOLDFAST_API_BREAKER_OPEN_S="0.5"),
        processes.writer(*about, **processes.QUICK),
        processes.dlq_admin(*about),
    ]
    for service in services:
        service.start(wait=False)
    for service in services:
        service.wait_until_alive()
    yield TestStack(services[0], services[2], own_database, Journal(tmp_path / "chaos" / "undo.json"))
    for service in services:
        service.kill()


def test_from_steady_state_to_verdict(stack: TestStack, tmp_path: Path) -> None:
    """A database that hangs: clients get honest answers, all that was accepted is applied, nothing stays broken."""
    journal = Journal(tmp_path / "chaos" / "undo.json")
    told: list[str] = []
    with mended_after(journal, told.append):
        traffic = Traffic(stack.api, per_s=15, mix=("reads", "writes", "reads"))
        done = run(EXPERIMENT, stack, journal, traffic, told.append, quiet_s=3)
    assert (done.verdict.word, done.verdict.deviations, done.verdict.vacuous) == ("passed", [], [])
    assert done.seen.settled.states["applied"] > 20
    assert done.recovery.steady_s is not None
    assert journal.read() == []
