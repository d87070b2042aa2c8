"""The real external_proxy before a third party that fails in part: how often it is called, and whether at all."""

import time
from dataclasses import replace
from unittest.mock import patch

import pytest

from holdfast.shared.cache.last_good import LastGood
from holdfast.shared.resilience.retry_budget import RetryBudget
from tests.simulation.draw import draw
from tests.simulation.plan import LARGE, Cut, Fault, Plan
from tests.simulation.run import run


def _plan(fault: Fault) -> Plan:
    """Four clients who hardly ask for anything else."""
    plan = draw(1, LARGE)
    return replace(
        plan, apis=1, writers=1, admins=1, proxies=1, clients=(0, 1, 2, 3), operators=(), load_s=12.0, pause_s=0.3,
        mix=replace(plan.mix, external=0.9, hasty=0.0), faults=(fault,),
    )  # fmt: skip


def _partly(share: float) -> Fault:
    """This share of the calls fails for ten seconds."""
    return Fault(1.0, "partial", "third-party", 10.0, share)


def test_partial_failure_keeps_nobody_away() -> None:
    """Half of the calls fail: the breaker stays closed, and clients get answers and copies."""
    result = run(_plan(_partly(0.5)), Cut())
    assert not result.violations
    assert min(result.seen["external:ok"], result.seen["external:copy"]) > 10
    assert not [name for name in result.seen if "third-party:8099 read" in name and name.endswith("open")]


@pytest.mark.parametrize("spends", [True, False])
def test_retries_without_a_budget_are_a_stampede(spends: bool) -> None:
    """The same run with retries that cost nothing is not forgiven."""
    with patch.object(RetryBudget, "spend", RetryBudget.spend if spends else lambda _: True):
        result = run(_plan(_partly(0.8)), Cut())
    assert ("stampede" in result.broken) is not spends


@pytest.mark.parametrize("by_the_question", [True, False])
def test_a_copy_is_as_old_as_its_question(by_the_question: bool) -> None:
    """An answer of the proxy is four seconds on its way, and then a copy. Dated when it came it is not forgiven."""
    keep = LastGood.keep
    dated = keep if by_the_question else lambda kept, raw, _: keep(kept, raw, time.time())
    broken = set()
    with patch.object(LastGood, "keep", dated):
        for late_s in (4.0, 4.4):
            broken |= run(_plan(Fault(2.0, "half", "api-1>proxy-1", late_s)), Cut()).broken
    assert broken == (set() if by_the_question else {"stale"})
