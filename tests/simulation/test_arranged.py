"""What is arranged in some worlds comes about, and a service that gets it wrong is found out."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from greenlet import getcurrent

from holdfast.services.dlq_admin.auditor import epochs
from holdfast.services.writer import pipeline
from holdfast.services.writer.deaths import Deaths
from holdfast.services.writer.pipeline import Handled
from holdfast.shared.store import apply, role
from holdfast.shared.store.load import load
from holdfast.shared.writes import decide
from holdfast.shared.writes.decide import Delivery, Known
from holdfast.shared.writes.epoch import Cause, Epoch, Memory, change
from tests.simulation.blocking import Thread, block
from tests.simulation.draw import draw
from tests.simulation.plan import SMALL, Cut, Fault, Plan
from tests.simulation.result import Result
from tests.simulation.run import run

#: Which of these seeds show an overtaken letter changes with the code.
_SEEDS = range(1, 9)


def _plan(*faults: Fault, seed: int = 1, writers: int = 1, operators: tuple[int, ...] = ()) -> Plan:
    """Return a plan in which three clients replace the same few users again and again."""
    plan = draw(seed, SMALL)
    actions = {"create": 0.2, "put": 5.0, "patch": 1.0}
    mix = replace(
        plan.mix, actions=actions, keyed=0.0, conditional=0.0, expiring=0.0, hasty=0.0, contended=0.0, shared=1.0,
        external=0.0,
    )  # fmt: skip
    return replace(
        plan, apis=1, writers=writers, admins=1, proxies=0, replicas=0, partitions=1, clients=(0, 1, 2),
        operators=operators, operator_pause_s=0.2, load_s=9.0, pause_s=0.3, mix=mix, faults=faults,
    )  # fmt: skip


def test_a_letter_is_overtaken() -> None:
    """In at least one of a few seeds, a write that died because the database refused its user is replayed after later
    writes were applied, and is superseded."""
    fault = Fault(1.0, "refuse_rows", "database", 3.5, 2.0)
    for seed in _SEEDS:
        result = run(_plan(fault, seed=seed, operators=(0, 1)), Cut())
        assert not result.violations
        if result.seen["ended:superseded"] and result.seen["replay:superseded"]:
            return
    raise AssertionError("no letter was overtaken")


async def _undisputed(_: Deaths, handled: list[Handled]) -> list[Handled]:
    return handled


@pytest.mark.parametrize("seed", [1, 3])
def test_an_entry_that_was_taken_away_is_not_tried(seed: int) -> None:
    """A writer that holds an entry for a later attempt checks that the entry is still its own before it retries. Here a
    consumer was removed, so two writers hold the entry, and one of them has dead-lettered it."""
    faults = (Fault(1.3, "refuse_rows", "database", 3.2, 3.7), Fault(1.76, "orphans", "queue"))
    result = run(_plan(*faults, seed=seed, writers=2, operators=(0, 1)), Cut())
    assert not result.violations
    assert result.seen["log:entries_taken_away"]


def _asleep(connection: sa.Connection, batch: list[Delivery], *, since_s: float, done: list[str]) -> Known:
    """Load as `load` does, but freeze the first writer before it, for long enough that the others give it up."""
    thread = getcurrent()
    if isinstance(thread, Thread) and not done and thread.loop.now_s > since_s:
        loop, process = thread.loop, thread.loop.process
        if process.machine == "writer-1":
            done += [delivery.entry_id or "" for delivery in batch]
            loop.freeze(process)
            loop.deliver(loop.world, loop.now_s + 5.6, lambda: loop.thaw(process), context=loop.world.base.copy())
            block(0.001)
    return load(connection, batch)


@pytest.mark.parametrize("sure", [True, False], ids=["makes sure", "believes"])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_writer_sleeps_in_its_transaction(sure: bool, seed: int) -> None:
    """While a writer sleeps in its transaction, another writer dead-letters the entry because the database refuses it.
    The first writer, once awake, applies a dead letter unless the other one made sure in the database."""
    done: list[str] = []
    asleep = partial(_asleep, since_s=1.4, done=done)
    wrong: AbstractContextManager[object] = nullcontext() if sure else patch.object(Deaths, "__call__", _undisputed)
    with patch.object(apply, "load", asleep), wrong:
        result = run(_plan(Fault(1.35, "refuse_rows", "database", 5.2, 8.5), seed=seed, writers=2), Cut())
    assert done
    assert result.seen["log:write_dead_lettered"]
    assert result.broken == (set() if sure else {"double-homed", "ledger", "stuck"})


class _NeverRaised(Exception):
    """An error in place of the one that stands for a write of another build."""


@pytest.mark.parametrize("taken_for_poison", [False, True], ids=["waits", "poison"])
def test_builds_run_side_by_side(taken_for_poison: bool) -> None:
    """A write that an older writer does not know waits for a newer one, unless the older one takes it for poison."""
    faults = (Fault(1.0, "no_writers", "writer-1", 2.0), Fault(3.0, "older_build", "writer-1", 4.0))
    wrong: AbstractContextManager[object] = patch.object(pipeline, "UnknownWrite", _NeverRaised)
    with wrong if taken_for_poison else nullcontext():
        result = run(_plan(*faults), Cut())
    if taken_for_poison:
        assert "falsely dead" in result.broken
    else:
        assert not result.violations
        assert result.seen["log:write_unknown"]
        assert result.seen["answer:direct"]  # while the older writer runs, a write unknown to it is not queued


@pytest.mark.parametrize("waits", [True, False], ids=["waits", "stale"])
def test_a_node_that_is_behind(waits: bool) -> None:
    """A session at a Galera node that is behind waits for the writes of the other node, unless its setting says
    otherwise; without waiting, reads are stale."""
    setting = role._IN_STEP if waits else "SET SESSION wsrep_sync_wait=0"
    with patch.object(role, "_IN_STEP", setting):
        result = run(_plan(Fault(1.5, "behind", "database", 4.0, 0.5)), Cut())
    assert result.broken == (set() if waits else {"stale"})


def test_a_node_without_quorum() -> None:
    """While a node without quorum refuses everything, writes wait, and none of them dies."""
    result = run(_plan(Fault(1.5, "no_quorum", "database", 4.0)), Cut())
    assert not result.violations
    assert result.seen["answer:202"]
    assert not result.seen["metric:holdfast_outcomes_total Dead"]


@pytest.mark.parametrize("trusted", [False, True], ids=["decided by versions", "claims are trusted"])
def test_a_claim_is_swept_before_its_write_is_accepted(trusted: bool) -> None:
    """If an api freezes between claim and acceptance for longer than the claim holds, another entity may get the value.
    The database decides by versions; a service that trusts its claims is found out."""
    plan = replace(_plan(Fault(0.5, "freeze_at_claim", "api-1", 5.0)), apis=2, partitions=2, pause_s=0.2)
    actions = {"create": 4.0, "patch": 2.0, "put": 2.0}
    plan = replace(plan, mix=replace(plan.mix, actions=actions, contended=0.8, addresses=2))
    believes: AbstractContextManager[object] = patch.object(decide._State, "holders", lambda *_: ())
    with believes if trusted else nullcontext():
        result = run(plan, Cut())
    assert result.seen["claim:swept before its acceptance"]
    assert bool(result.violations) == trusted


#: When the queue's answers stop reaching the api: the auditor has to audit between this and the queue's restart.
_MUTE_FROM_S = (1.4, 1.3, 1.5)


def _past_the_queue(from_s: float) -> Result:
    """Run a world in which writes reach the queue but no answer comes back, so that the api applies them directly, and
    then the queue restarts."""
    faults = (
        Fault(0.8, "no_writers", "writer-1", 4.0),
        Fault(from_s, "half", "api-1>queue", 2.6),
        Fault(from_s + 1.6, "die", "queue", 0.5),
    )
    plan = replace(_plan(*faults), audit_every_s=2.0, pause_s=0.15)
    return run(replace(plan, mix=replace(plan.mix, actions={"create": 5.0}, keyed=0.5)), Cut())


def _went_back(last: Epoch, memory: Memory) -> Cause | None:
    """Treat every change of epoch as a queue that restarted without remembering the last audit."""
    return Cause.WENT_BACK if change(last, memory) else None


def test_a_write_that_went_past_the_queue_is_not_lost() -> None:
    """The ledger does not name a write as lost that an audit counted as queued and the api applied directly, even if
    the ledger has to count the rows. It does so if late entries are not kept."""
    for cause in (change, _went_back):
        with patch.object(epochs, "change", cause):
            held = [_past_the_queue(from_s) for from_s in _MUTE_FROM_S]
        assert [result.violations for result in held] == [[]] * len(held)
    with patch.object(epochs, "change", _went_back), patch.object(epochs, "_late", lambda *_: 0):
        assert any(_past_the_queue(from_s).broken == {"ledger"} for from_s in _MUTE_FROM_S)
