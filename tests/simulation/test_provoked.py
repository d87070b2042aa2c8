"""What is provoked comes about in some seeds, and a service that gets it wrong is found out."""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any
from unittest.mock import patch

import pytest
from redis.asyncio import Redis

from holdfast.services.api import write
from holdfast.services.writer import reclaim
from holdfast.services.writer.dead_share import DeadShare
from holdfast.shared.queue.partitions import Partition
from tests.simulation import provoked
from tests.simulation.draw import draw
from tests.simulation.plan import SMALL, Cut, Plan
from tests.simulation.result import Result
from tests.simulation.run import run

_SEEDS = range(1, 4)
#: For mistakes that show in one of four seeds; the test stops at the first.
_UNTIL_SEEN = range(1, 40)


def _plan(what: provoked.Provoked, seed: int) -> Plan:
    return provoked.provoke(what, draw(seed, SMALL), Random(f"provoked {seed}"))


def _runs(what: provoked.Provoked, seeds: Iterable[int] = _SEEDS) -> Iterator[Result]:
    return (run(_plan(what, seed), Cut()) for seed in seeds)


@pytest.mark.parametrize("what", [*provoked.PROVOKED, *provoked.LATER_PROVOKED], ids=lambda what: what.__name__)
def test_it_is_a_small_world(what: provoked.Provoked) -> None:
    """A provoked plan has at most four kinds of fault, in the order of time, and contains every process that its faults
    name."""
    for seed in _SEEDS:
        plan = _plan(what, seed)
        assert len({fault.kind for fault in plan.faults}) <= 4
        assert [*plan.faults] == sorted(plan.faults, key=lambda fault: fault.at_s)
        assert all(fault.at_s < plan.load_s for fault in plan.faults)
        for fault in plan.faults:
            named = [name for name in fault.target.split(">") if "-" in name and name != "third-party"]
            assert {*named} <= {*plan.nodes, *plan.outside}


@pytest.mark.parametrize(("asked", "seeds"), [(True, _SEEDS), (False, _UNTIL_SEEN)], ids=["asked", "taken for new"])
def test_a_first_try_is_over_before_the_second(asked: bool, seeds: range) -> None:
    """A repeated write without a key is answered with the version that its first attempt has. If the database is not
    asked, the write is doubled."""
    with patch.object(write, "_doubtful", write._doubtful if asked else lambda *_, **__: False):
        assert any("doubled" in result.broken for result in _runs(provoked.torn, seeds)) != asked


@pytest.mark.parametrize("seed", [2, 4])
def test_a_claim_by_hand_is_no_crash(seed: int) -> None:
    """Entries that somebody claims by hand while a writer sleeps are applied. If each delivery counts as a crash, they
    become dead letters."""

    async def trusted(_: Redis, __: Partition, pending: Sequence[dict[str, Any]]) -> list[int]:
        return [int(each["times_delivered"]) for each in pending]

    with patch.object(reclaim, "unexplained", trusted):
        assert "falsely dead" in run(_plan(provoked.taken, seed), Cut()).broken


def test_a_writer_that_stays_halted() -> None:
    """If a halted writer never tries again, its entries are stuck after the database accepts what it had refused."""
    with patch.object(DeadShare, "try_now", lambda *_: False):
        assert any("stuck" in result.broken for result in _runs(provoked.refused))
