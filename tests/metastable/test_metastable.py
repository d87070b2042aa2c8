"""The metastable case in short: the overload of naive retries outlives the stall, ours does not."""

import pytest

from tests.metastable.policies import POLICIES
from tests.metastable.run import simulate

pytestmark = pytest.mark.long

_NONE, _NAIVE, _BUDGET, _BOUNDED, _OURS = POLICIES


def test_naive_retries_never_recover_from_a_stall_that_is_over() -> None:
    """With naive retries, a minute after the stall fewer than a tenth of the requests get a good answer from a server
    at full speed; without retries the service recovers."""
    result = simulate(_NAIVE, after_s=60)
    assert result.recovered_s is None
    assert sum(result.good[-20:]) / sum(result.came[-20:]) < 0.1
    assert simulate(_NONE, after_s=60).recovered_s is not None


def test_what_a_server_does_for_itself_ends_it_at_once() -> None:
    """A retry budget ends the overload, and a server that also bounds its queue and drops abandoned requests recovers
    in less than half of that time."""
    budget, bounded = simulate(_BUDGET, after_s=60).recovered_s, simulate(_BOUNDED, after_s=60).recovered_s
    assert budget is not None
    assert bounded is not None
    assert bounded < budget / 2


def test_ours_leave_hardly_anybody_without_an_answer() -> None:
    """With the shipped policy, from the stall's first second on, more than 97 % of the requests get a good answer or a
    copy with fewer than 1.1 calls per request, and the service recovers."""
    result = simulate(_OURS, after_s=60)
    assert result.recovered_s is not None
    assert (sum(result.good) + sum(result.refused)) / sum(result.came) > 0.97
    assert result.amplification < 1.1
