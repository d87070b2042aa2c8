"""The metastable case in short: the overload of naive retries outlives the stall, ours does not."""

import pytest

from tests.metastable.policies import POLICIES
from tests.metastable.run import simulate

pytestmark = pytest.mark.long

_NONE, _NAIVE, _BUDGET, _BOUNDED, _OURS = POLICIES


def test_naive_retries_never_recover_from_a_stall_that_is_over() -> None:
    """A minute after it hardly anybody is answered by a server at full speed; without retries it recovers."""
    result = simulate(_NAIVE, after_s=60)
    assert result.recovered_s is None
    assert sum(result.good[-20:]) / sum(result.came[-20:]) < 0.1
    assert simulate(_NONE, after_s=60).recovered_s is not None


def test_what_a_server_does_for_itself_ends_it_at_once() -> None:
    """Retries that are paid for, a bounded queue, nothing done for those who have gone: no second stall of its own."""
    budget, bounded = simulate(_BUDGET, after_s=60).recovered_s, simulate(_BOUNDED, after_s=60).recovered_s
    assert budget is not None
    assert bounded is not None
    assert bounded < budget / 2


def test_ours_leave_hardly_anybody_without_an_answer() -> None:
    """From the stall's first second to its end and after, answered or given a copy; and all answered again."""
    result = simulate(_OURS, after_s=60)
    assert result.recovered_s is not None
    assert (sum(result.good) + sum(result.refused)) / sum(result.came) > 0.97
    assert result.amplification < 1.1
