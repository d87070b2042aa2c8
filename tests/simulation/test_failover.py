"""The queue fails over while no writer runs: with replicas nothing that was acknowledged is lost, without them the loss
is named; and a service that neglects either is found out."""

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest

from holdfast.services.api.accept import Acceptor
from holdfast.services.dlq_admin.auditor import epochs
from tests.simulation import driver
from tests.simulation.draw import draw
from tests.simulation.plan import LARGE, Cut, Fault, Plan
from tests.simulation.run import Run, run

_NO_WRITERS = Fault(1.0, "no_writers", "writer-1", 14.0)
_answered = Acceptor._answered


def _plan(replicas: int, *faults: Fault) -> Plan:
    """Return a plan with four clients, which mostly write, and writers that come back when all faults are over."""
    plan = draw(1, LARGE)
    mix = replace(plan.mix, keyed=0.0, conditional=0.0, waiting=0.0, expiring=0.0, hasty=0.0, external=0.0)
    return replace(
        plan, apis=2, writers=1, admins=1, proxies=0, replicas=replicas, clients=tuple(range(4)), operators=(),
        load_s=16.0, pause_s=1.0, mix=mix, patience_s=60.0, faults=(_NO_WRITERS, *faults),
    )  # fmt: skip


_CUT_OFF = Fault(4.0, "replica_cut", "queue", 9.0)


def _not_waited_for() -> AbstractContextManager[object]:
    """Patch the acceptor to accept a write whether or not the replicas have it."""

    def answered(self: Acceptor, candidate: object, waiting: object, reply: object, *, again: bool, safe: bool) -> None:
        _answered(self, candidate, waiting, reply, again=again, safe=True)  # type: ignore[arg-type]

    return patch.object(Acceptor, "_answered", answered)


@pytest.mark.parametrize(
    ("faults", "changed", "broken"),
    [
        ((_CUT_OFF, Fault(8.0, "failover", "queue")), nullcontext, set()),
        ((_CUT_OFF, Fault(8.0, "failover", "queue")), _not_waited_for, {"lost"}),
        ((_CUT_OFF, Fault(6.0, "split", "api-1>queue", 4.0)), nullcontext, set()),
    ],
    ids=["failover", "nobody waits", "split"],
)
def test_what_replicas_have_is_accepted(
    faults: tuple[Fault, ...], changed: Callable[[], AbstractContextManager[object]], broken: set[str]
) -> None:
    """While the replica is cut off, writes go to the database, also those of an api that is left with the old primary.
    If replicas are not waited for, a failover loses writes."""
    with changed():
        result = run(_plan(1, *faults), Cut())
    assert broken <= result.broken if broken else not result.violations
    assert result.seen["answer:202"]


_WIPED, _LAST_SECONDS = Fault(9.0, "wipe", "queue"), Fault(13.0, "lose_last", "queue", amount=3.0)


@pytest.mark.parametrize(
    ("fault", "ignored"),
    [(_WIPED, False), (_LAST_SECONDS, False), (_LAST_SECONDS, True)],
    ids=["wiped", "last seconds", "nobody looks"],
)
def test_what_the_queue_forgets_is_named(fault: Fault, ignored: bool) -> None:
    """A write that the queue forgot is named as lost in the ledger and in its operation's status, unless the auditor
    does not notice the change."""
    with patch.object(epochs, "change", lambda *_: None) if ignored else nullcontext():
        result = run(_plan(0, fault), Cut())
    if ignored:
        assert "lost in silence" in result.broken
    else:
        assert not result.violations
        assert result.seen["operation:lost"]


def test_letters_outlive_the_queue_that_they_came_from(tmp_path: Path) -> None:
    """A write that was dead-lettered before the queue was wiped is a dead letter in the ledger, and not lost."""
    plan = replace(_plan(0), faults=(Fault(2.0, "poison", "queue", amount=5.0), Fault(10.0, "wipe", "queue")))
    with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
        one = Run(plan, Path(folder))
        with driver.installed(one.simulation, one.world.database.connect, one.world.seen):
            one.simulation.run(one.scenario)
        [(dead,)] = one.world.sql("SELECT COUNT(*) FROM dead_letters WHERE state = 'dead'")
        assert dead
        assert one.probe.ledger
        assert (one.probe.ledger["dead_lettered"], one.probe.ledger["lost"]) == (dead, 0)
        assert not one.violations()
