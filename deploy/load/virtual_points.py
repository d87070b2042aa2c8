"""Virtual points: runs every policy in every scene at every share of errors, in virtual time, with several seeds."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

from deploy.load.virtual import Outcome, Scene, refused_connection, run
from holdfast.shared.telemetry import logs

SHIPPED = "shipped"
#: Policies with more calls per request are not compared: first attempts and a tenth more.
CALLS_MAX = 1.1
#: At 99 % of errors a run counts only a few dozen answers, so it is repeated so many times more.
_FEW_ANSWERS, _RUNS_THERE = 0.99, 4
#: Allowance for the tokens with which a retry budget begins.
_CALLS_SLACK = 0.01
SHARES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99, 1.0)
QUICK_SHARES = (0.0, 0.35, 0.5, 0.9, 1.0)

_NEVER_OPENS = {"calls_min": 100_000, "unreachable_in_a_row": 1000}
POLICIES: dict[str, dict[str, Any]] = {
    "none": {"attempts": 1, "breaker": _NEVER_OPENS},
    "retry": {"retry_share": 1.0, "breaker": _NEVER_OPENS},
    "retry + budget": {"breaker": _NEVER_OPENS},
    "retry + budget + on/off": {"breaker": {"failure_share": 0.5, "doubted_calls": 0}},
    SHIPPED: {},
}
SCENES = {
    "errors": Scene(20),
    "connections": Scene(20, error=refused_connection),
    "nearly full": Scene(20, at_once=1, service_s=0.042),
    "too much": Scene(25, at_once=1, service_s=0.05),
}
WHAT = {
    "errors": "errors that the load does not cause: any number of calls at once, 50 ms each, 20 requests/s",
    "connections": "the same, and what fails are connections",
    "nearly full": "one call at a time, 42 ms each, an error costs as much as an answer, 84 % of what it can do",
    "too much": "one call at a time, 50 ms each, 125 % of what it can do: at no errors, too, nobody gets everything",
}
_Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class VirtualPoint:
    """One policy in one scene at one share of errors: the share of good answers, from 0 to 1, give or take `margin`
    with 95 % confidence; calls per request; calls until a breaker first opened."""

    scene: str
    policy: str
    share: float
    good: float
    margin: float
    calls: float
    opened_after: int | None

    def row(self) -> dict[str, Any]:
        """Return a row for the page's JSON."""
        return asdict(self)


def best_simpler(points: Iterable[VirtualPoint], scene: str, share: float) -> VirtualPoint:
    """Return the simpler policy with the most good answers, among those that keep to `CALLS_MAX`."""
    there = [point for point in points if (point.scene, point.share) == (scene, share) and point.policy != SHIPPED]
    return max((each for each in there if each.calls <= CALLS_MAX + _CALLS_SLACK), key=lambda each: each.good)


def compute(shares: Sequence[float], seeds: int, processes: int) -> list[VirtualPoint]:
    """Compute all points."""
    runs = {share: seeds * (_RUNS_THERE if share == _FEW_ANSWERS else 1) for share in shares}
    tasks = [(scene, policy, share, runs[share]) for scene in SCENES for policy in POLICIES for share in shares]
    with ProcessPoolExecutor(processes, initializer=_quiet) as pool:
        return list(pool.map(_point, tasks, chunksize=4))


def _quiet() -> None:
    logs.configure("model", "CRITICAL", "json")


def _point(task: tuple[str, str, float, int]) -> VirtualPoint:
    scene, policy, share, seeds = task
    outcomes = [run(SCENES[scene], share, POLICIES[policy], seed=10 * seed) for seed in range(seeds)]
    goods = [_share(outcome) for outcome in outcomes]
    margin = _Z_95 * stdev(goods) / seeds**0.5 if seeds > 1 else 0.0
    calls = fmean(outcome.calls / outcome.requests for outcome in outcomes)
    return VirtualPoint(scene, policy, share, fmean(goods), margin, calls, outcomes[0].opened_after)


def _share(outcome: Outcome) -> float:
    return outcome.good / outcome.requests
