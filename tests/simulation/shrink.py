"""Shrink: finds the smallest cut of a failing run that still fails: shorter, with fewer faults and processes."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.simulation.plan import Cut, Plan

Fails = Callable[[Cut], bool]


class _Budget:
    """The runs that may still be made, and the results so far."""

    def __init__(self, fails: Fails, runs: int) -> None:
        self._fails = fails
        self._left = runs
        self._known: dict[Cut, bool] = {}

    def fails(self, cut: Cut) -> bool:
        """Return whether a cut fails, or False if no run is left."""
        if cut not in self._known:
            if self._left <= 0:
                return False
            self._left -= 1
            self._known[cut] = self._fails(cut)
        return self._known[cut]


def shrink(plan: Plan, fails: Fails, start: Cut = Cut(), runs: int = 200) -> Cut:  # noqa: B008 - frozen
    """Return the smallest failing cut that at most `runs` runs find. `fails` returns whether a cut's run fails as the
    whole run does; `start` does fail."""
    budget = _Budget(fails, runs)
    best, before = start.whole(plan), None
    while best != before:
        before = best
        best = _shorter(best, budget)
        for name in ("faults", "clients", "operators"):
            best = _fewer(best, name, budget)
        for name in ("proxies", "apis", "writers", "admins"):
            best = _lower(best, name, budget)
    return best


def _shorter(best: Cut, budget: _Budget) -> Cut:
    """Shorten by halves, then by less and less."""
    seconds = best.seconds or 0.0
    for share in (0.5, 0.7, 0.85, 0.95):
        while seconds > 0.5 and budget.fails(shorter := replace(best, seconds=round(seconds * share, 2))):
            best, seconds = shorter, shorter.seconds or 0.0
    return best


def _fewer(best: Cut, name: str, budget: _Budget) -> Cut:
    """Leave out parts, first large ones, then single ones (Zeller's ddmin)."""
    kept: Sequence[int] = getattr(best, name)
    size = len(kept)
    while size:
        at = 0
        while at < len(kept):
            fewer = (*kept[:at], *kept[at + size :])
            if budget.fails(smaller := replace(best, **{name: fewer})):
                best, kept = smaller, fewer
            else:
                at += size
        size //= 2
    return best


def _lower(best: Cut, name: str, budget: _Budget) -> Cut:
    while (count := getattr(best, name)) > (name != "proxies"):
        if not budget.fails(lower := replace(best, **{name: count - 1})):
            break
        best = lower
    return best
