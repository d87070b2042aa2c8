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
    """Return a plan with four clients, which mostly call the third party."""
    plan = draw(1, LARGE)
    return replace(
        plan, apis=1, writers=1, admins=1, proxies=1, clients=(0, 1, 2, 3), operators=(), load_s=12.0, pause_s=0.3,
        mix=replace(plan.mix, external=0.9, hasty=0.0), faults=(fault,),
    )  # fmt: skip


def _partly(share: float) -> Fault:
    """Return a fault that makes this share of the calls fail for ten seconds."""
    return Fault(1.0, "partial", "third-party", 10.0, share)


def test_partial_failure_keeps_nobody_away() -> None:
    """While half of the calls fail, the breaker stays closed, and clients get answers and copies."""
    result = run(_plan(_partly(0.5)), Cut())
    assert not result.violations
    assert min(result.seen["external:ok"], result.seen["external:copy"]) > 10
    assert not [name for name in result.seen if "third-party:8099 read" in name and name.endswith("open")]


@pytest.mark.parametrize("spends", [True, False])
def test_retries_without_a_budget_are_a_stampede(spends: bool) -> None:
    """A run in which retries cost nothing of the budget is judged a stampede; the same run with the budget is not."""
    with patch.object(RetryBudget, "spend", RetryBudget.spend if spends else lambda _: True):
        result = run(_plan(_partly(0.8)), Cut())
    assert ("stampede" in result.broken) is not spends


@pytest.mark.parametrize("by_the_question", [True, False])
def test_a_copy_is_as_old_as_its_question(by_the_question: bool) -> None:
    """A cached answer of the proxy is dated from its request, because it may take four seconds to arrive. If it is
    dated from its arrival, copies are found stale."""
    keep = LastGood.keep
    dated = keep if by_the_question else lambda kept, raw, _: keep(kept, raw, time.time())
    broken = set()
    with patch.object(LastGood, "keep", dated):
        for late_s in (4.0, 4.4):
            broken |= run(_plan(Fault(2.0, "half", "api-1>proxy-1", late_s)), Cut()).broken
    assert broken == (set() if by_the_question else {"stale"})
