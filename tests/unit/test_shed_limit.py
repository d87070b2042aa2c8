"""The limit on requests in flight, against arithmetic models of servers, in simulated time."""

import heapq
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.services.api.lanes import Lane, lane_of
from holdfast.services.api.shed import Lag
from holdfast.services.api.shed_limit import Limit, LimitPolicy

_POLICY = LimitPolicy(slow_s=0.8)
_CLIENTS_S = 1.1


def run(
    limit: Limit, took_s: Callable[[int], float], *, offered: int, seconds: float, start_s: float = 0.0
) -> list[float]:
    """Run a closed loop, and return the limit at the end of each second. Each of the `offered` clients asks again once
    it is answered, or about a second after it found no room."""
    noise = random.Random(7)
    events = [(start_s + noise.random() * 0.01, number, -1.0) for number in range(offered)]
    heapq.heapify(events)
    in_flight, history, next_s = 0, [], start_s + 1
    while events and events[0][0] < start_s + seconds:
        now, number, began = heapq.heappop(events)
        while now >= next_s:
            history.append(float(limit.value))
            next_s += 1
        if began >= 0:
            limit.ended(now - began, in_flight, now)
            in_flight -= 1
        if in_flight < limit.value:
            in_flight += 1
            heapq.heappush(events, (now + took_s(in_flight) * noise.uniform(0.9, 1.1), number, now))
        else:
            heapq.heappush(events, (now + _CLIENTS_S * noise.uniform(0.9, 1.1), number, -1.0))
    return history


def test_a_healthy_server_at_250_is_left_alone() -> None:
    """A healthy server with 250 clients keeps the highest limit: a batch that 250 writes share takes longer than a
    single write, but that is no congestion."""
    assert min(run(Limit(_POLICY, 0.0), lambda n: 0.005 + n * 0.0004, offered=250, seconds=20)) == _POLICY.highest


def test_a_stable_timeout_shrinks_it_to_the_lowest() -> None:
    """If every request times out after the same time the limit falls to the lowest, because equal durations are no
    reason to go on."""
    history = run(Limit(_POLICY, 0.0), lambda _: 1.0, offered=1000, seconds=60)
    assert history[-1] == _POLICY.lowest
    assert history == sorted(history, reverse=True)


def test_it_settles_where_requests_still_end_in_time() -> None:
    """For a server that does 50 requests at once in 0.4 s and lets the rest wait, the limit settles between 50 and 150,
    where requests still end in time."""
    limit = Limit(_POLICY, 0.0)
    history = run(limit, lambda n: 0.4 * max(1.0, n / 50), offered=2000, seconds=120)
    settled = history[-30:]
    assert max(settled) < 150
    assert sum(settled) / len(settled) > 50


def test_it_recovers_when_the_server_does() -> None:
    """The limit is at its highest again within 15 seconds after the server recovers, without intervention."""
    limit = Limit(_POLICY, 0.0)
    run(limit, lambda _: 1.0, offered=1000, seconds=60)
    assert limit.value == _POLICY.lowest
    assert run(limit, lambda _: 0.01, offered=1000, seconds=15, start_s=60)[-1] == _POLICY.highest


def test_it_does_not_grow_on_hearsay() -> None:
    """A few quick requests do not let the limit grow further, because they say nothing about the effect of many."""
    limit = Limit(_POLICY, 0.0)
    run(limit, lambda _: 1.0, offered=1000, seconds=60)
    history = run(limit, lambda _: 0.01, offered=3, seconds=30, start_s=60)
    assert set(history[5:]) == {history[5]}
    assert history[5] < 50


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 400), st.floats(0, 5))))
def test_it_stays_within_its_bounds(ended: list[tuple[float, int, float]]) -> None:
    """The limit stays within its bounds, for all durations, numbers of requests in flight and pauses."""
    limit, now = Limit(_POLICY, 0.0), 0.0
    for took_s, in_flight, later_s in ended:
        now += later_s
        limit.ended(took_s, in_flight, now)
        assert _POLICY.lowest <= limit.value <= _POLICY.highest


def _seconds(lag: Lag, late_s: float, seconds: int) -> None:
    for _ in range(10 * seconds):
        lag.sampled(late_s)


def test_a_late_loop_sheds_lane_by_lane() -> None:
    """A late event loop sheds the rest first, then reads, then writes. It keeps 40 % of reads and writes, and all
    requests that show and steer the service."""
    lag, seen = Lag(), []
    for _ in range(6):
        seen.append([lag.refused_share(lane) for lane in (Lane.REST, Lane.READS, Lane.WRITES)])
        _seconds(lag, 0.2, 1)
        assert lag.refused_share(Lane.KEPT) == 0
    assert seen == sorted(seen)
    assert seen[1] == [1.0, 0.0, 0.0]
    assert seen[-1] == pytest.approx([1.0, 0.6, 0.6])
    _seconds(lag, 0.0, 5)
    assert lag.level == 0


def test_one_stop_is_no_lag() -> None:
    """A single stop, such as a collection or a frozen process that goes on, makes one sample late and the rest not, so
    it is no lag."""
    lag = Lag()
    for _ in range(20):
        lag.sampled(5.0)
        _seconds(lag, 0.001, 1)
    assert lag.level == 0


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("GET", "/livez", Lane.KEPT),
        ("GET", "/metrics", Lane.KEPT),
        ("GET", "/operations/1", Lane.KEPT),
        ("POST", "/circuit-breaker/overrides", Lane.KEPT),
        ("GET", "/users/1", Lane.READS),
        ("GET", "/external-api", Lane.READS),
        ("DELETE", "/users/1", Lane.WRITES),
        ("POST", "/nothing", Lane.WRITES),
        ("GET", "/docs", Lane.REST),
    ],
)
def test_the_lanes(method: str, path: str, lane: Lane) -> None:
    """The lane of a request depends on its method and path."""
    assert lane_of(method, path) is lane
