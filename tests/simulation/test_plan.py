"""A run is drawn from its seed alone, and cut without changing what is left."""

import random
from dataclasses import replace

import pytest

from tests.simulation.draw import draw
from tests.simulation.kept import Kept, kept
from tests.simulation.kinds import ALL, ARRANGED
from tests.simulation.plan import LARGE, SMALL, Cut, Plan
from tests.simulation.shrink import shrink


def test_a_seed_is_one_plan() -> None:
    """A seed always draws the same plan, whatever was drawn before."""
    first = [draw(seed) for seed in range(50)]
    random.seed(1)
    assert first == [draw(seed) for seed in reversed(range(50))][::-1]
    assert len({"\n".join(plan.lines()) for plan in first}) == 50


def test_faults_are_of_what_is_there() -> None:
    """Each fault has a target that exists in the run and begins during the load; every kind is drawn in worlds of the
    size that it is for."""
    drawn = {world: _kinds([draw(seed, world) for seed in range(1000)]) for world in (SMALL, LARGE)}
    assert drawn == {SMALL: set(ALL), LARGE: set(ALL) - set(ARRANGED)}


def _kinds(plans: list[Plan]) -> set[str]:
    kinds = set()
    for plan in plans:
        for fault in plan.faults:
            kinds.add(fault.kind)
            ends = {end for end in fault.target.split(">") if end != "clients"}
            assert ends <= {*plan.nodes, *plan.outside, "queue", "cache", "database"}
            assert 0 <= fault.at_s <= plan.load_s
    return kinds


def test_most_seeds_are_small_worlds() -> None:
    """Four of five seeds draw a small world, with few clients and faults; a cut names the size where it is not the
    seed's own."""
    for seed in range(100):
        small, large = draw(seed, SMALL), draw(seed, LARGE)
        assert draw(seed) == (small if seed % 5 else large)
        assert small.load_s < 10
        assert len(small.clients) <= 5
        assert len({fault.kind for fault in small.faults}) <= 4
        assert Kept(seed, Cut(world=LARGE)).plan == large


def test_a_cut_leaves_the_rest_as_it_was() -> None:
    """Whatever a cut keeps is part of the plan, and a cut that is written down and parsed is the same cut."""
    chance = random.Random(7)
    for plan in map(draw, range(100)):
        cut = _some_cut(plan, chance)
        smaller = cut.of(plan)
        assert set(smaller.faults) <= set(plan.faults)
        assert set(smaller.clients) <= set(plan.clients)
        assert (smaller.seed, smaller.mix, smaller.pause_s) == (plan.seed, plan.mix, plan.pause_s)
        assert Cut.parse(str(cut)) == cut
        assert cut.whole(plan).of(plan) == smaller
        assert Cut().of(plan) == plan


def _some_cut(plan: Plan, chance: random.Random) -> Cut:
    some = tuple(number for number in range(len(plan.faults)) if chance.random() < 0.5)
    return Cut(
        world=chance.choice((None, SMALL, LARGE)),
        seconds=chance.choice((None, round(plan.load_s / 2, 1))),
        faults=chance.choice((None, (), some)),
        clients=chance.choice((None, (0,))),
        writers=chance.choice((None, 1)),
    )


@pytest.mark.parametrize("word", ["faults", "faults=1 faults=2", "colour=1", "world=wide", "clients=a", "1,2"])
def test_a_cut_that_is_none_is_refused(word: str) -> None:
    """A misspelt cut in the seeds' file is an error, and not a run of the whole plan."""
    with pytest.raises(ValueError, match=r"."):
        Cut.parse(word)


def test_kept_seeds_are_read_as_they_are_written() -> None:
    """Seeds are read as they were written, with and without a cut; comments and empty lines are skipped."""
    runs = [Kept(1, Cut(), "one"), Kept(2, Cut(seconds=3.5, faults=(1, 4), clients=()), "two")]
    assert list(kept("# seeds\n\n" + "\n".join(map(str, runs)))) == runs
    assert all(one.plan for one in kept())


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_the_smallest_failing_run_is_found(seed: int) -> None:
    """Shrinking a failure that needs some faults, one client and some time leaves nothing else."""
    plan, chance = draw(seed), random.Random(seed)
    needed = set(chance.sample(range(len(plan.faults)), min(2, len(plan.faults))))
    client = chance.choice(plan.clients)
    seconds = max([plan.faults[number].at_s for number in needed], default=0.0) + 0.1
    runs = 0

    def fails(cut: Cut) -> bool:
        nonlocal runs
        runs += 1
        smaller = cut.of(plan)
        left = {plan.faults.index(fault) for fault in smaller.faults}
        return needed <= left and client in smaller.clients and smaller.load_s >= seconds

    smallest = shrink(plan, fails, runs=400)
    assert fails(smallest)
    assert set(smallest.faults or ()) == needed
    assert smallest.clients == (client,)
    assert (smallest.apis, smallest.writers, smallest.admins) == (1, 1, 1)
    assert (smallest.seconds or 0) <= max(seconds / 0.85, 1.0)
    assert runs <= 401


def test_shrinking_ends_when_its_runs_are_used_up() -> None:
    """When its runs are used up, shrinking returns the smallest cut so far that fails."""
    plan = next(plan for plan in map(draw, range(100)) if len(plan.faults) > 8)
    tried: list[Cut] = []
    smallest = shrink(plan, lambda cut: not tried.append(cut), Cut(), runs=3)  # type: ignore[func-returns-value]
    assert len(tried) == 3
    assert smallest in tried
    assert replace(smallest) == smallest
