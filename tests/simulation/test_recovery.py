"""How soon writes take effect again, in virtual time: the real services, over stores that die and come back. A busy
machine makes no difference."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.shared.runtime.time_budgets import PROBE_EVERY_S
from tests.models.database.changes import Change
from tests.simulation import at_rest, driver
from tests.simulation.draw import draw
from tests.simulation.plan import LARGE, Fault, Plan
from tests.simulation.run import Run

_AWAY_S = 5.0
#: Two probe intervals: room for a probe, a poll of the queue's readers, and the work itself.
_RESUME_MAX_S = 2 * PROBE_EVERY_S


def _plan(store: str) -> Plan:
    """Return a plan in which six clients create, change and read while the store is dead for a while and comes back."""
    mix = replace(draw(1, LARGE).mix, keyed=1.0, conditional=0.0, waiting=0.0, expiring=0.0, hasty=0.0, fresh=0.0)
    return Plan(
        seed=7, apis=2, writers=2, admins=1, clients=tuple(range(6)), operators=(), load_s=3 + _AWAY_S + 3,
        pause_s=0.5, mix=mix, patience_s=60.0, faults=(Fault(3.0, "die", store, _AWAY_S),),
    )  # fmt: skip


@pytest.mark.parametrize("store", ["database", "queue"])
def test_writes_resume_when_the_store_is_back(store: str, tmp_path: Path) -> None:
    """Writes by way of the queue are applied again within two probe intervals after the store is back."""
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        run = Run(_plan(store), Path(folder))
        now, transactions, report = run.now, run.world.database.transactions, run.nemesis.report
        commit, applied, ends = transactions.commit, list[float](), list[float]()

        def noted(transaction: object) -> None:
            changes: list[Change] = transaction.changes  # type: ignore[attr-defined]
            of_a_writer = run.simulation.loop.process.machine.startswith("writer")
            if of_a_writer and any(change.table == "operations" for change in changes):
                applied.append(now())
            commit(transaction)  # type: ignore[arg-type]

        def reported(fault: Fault, began: bool) -> None:
            report(fault, began)
            if not began:
                ends.append(now())

        transactions.commit, run.nemesis.report = noted, reported  # type: ignore[method-assign]
        with driver.installed(run.simulation, run.world.database.connect, run.world.seen):
            run.simulation.run(run.scenario)
    back = ends[0]
    assert min(at for at in applied if at > back) - back <= _RESUME_MAX_S


def test_replays_take_the_time_that_operators_gave_them() -> None:
    """Of the replays that run, the one with the most letters for its pace decides; one without a letter left takes no
    time."""
    plans = [(id, json.dumps({"rate_per_s": rate})) for id, rate in ((1, 0.5), (2, 500.0), (3, 0.5))]
    waiting = [(1, 38), (2, 1000), (4, 9)]
    assert at_rest.paced_s(lambda query: waiting if "replay_items" in query else plans) == 76.0
    assert at_rest.paced_s(lambda _: []) == 0.0
