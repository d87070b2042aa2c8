"""What a breaker exports about its dependency: how long calls took and how they ended, and how long a recovery took."""

import asyncio
import contextlib
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from prometheus_client import REGISTRY
from redis.exceptions import TimeoutError as RedisTimeoutError

from holdfast.shared.connections.script import NotSent
from holdfast.shared.faults import BadData, Outage
from holdfast.shared.resilience.breaker.breaker import Breaker
from holdfast.shared.resilience.breaker.policy import Policy
from holdfast.shared.resilience.breaker.verdict import Judgement, Verdict
from holdfast.shared.resilience.pool import Pool

_CALLS = "holdfast_dependency_call_duration_seconds"


def _sample(name: str, result: str, what: str = "count", **more: str) -> float:
    return REGISTRY.get_sample_value(f"{_CALLS}_{what}", {"dependency": name, "result": result, **more}) or 0.0


class _Time:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def _judge(error: Exception) -> Judgement:
    match error:
        case BadData():
            return Verdict.SUCCESS
        case KeyError():
            return Verdict.NEUTRAL
        case _:
            return Verdict.UNREACHABLE


async def _call(breaker: Breaker, time: _Time, took_s: float, error: Exception | None = None) -> None:
    async def work() -> None:
        time.now += took_s
        if error is not None:
            raise error

    with contextlib.nullcontext() if error is None else pytest.raises(type(error)):
        await breaker.call_async(work)


def _wrapped(*causes: Exception) -> Exception:
    for outer, inner in pairwise(causes):
        outer.__cause__ = inner
    return causes[0]


async def test_calls_are_timed_by_how_they_ended() -> None:
    """A refusal counts as an answer, a neutral error is not timed, and a timeout is recognized in any driver's
    class."""
    time = _Time()
    breaker = Breaker("timed", Policy(unreachable_in_a_row=100, calls_min=100), classify=_judge, clock=time)
    for result in ("success", "error", "timeout"):
        assert REGISTRY.get_sample_value(f"{_CALLS}_count", {"dependency": "timed", "result": result}) == 0, "born at 0"
    for _ in range(3):
        await _call(breaker, time, 0.003)
    await _call(breaker, time, 40, BadData("no"))
    await _call(breaker, time, 0.5, ConnectionError())
    await _call(breaker, time, 0.5, KeyError())
    for late in (
        TimeoutError(),
        _wrapped(Outage("2013"), RuntimeError("driver"), OSError("read"), TimeoutError()),
        _wrapped(NotSent(), RedisTimeoutError()),
    ):
        await _call(breaker, time, 1.0, late)
    assert [_sample("timed", result) for result in ("success", "error", "timeout")] == [4, 1, 3]
    assert _sample("timed", "success", "sum") == pytest.approx(40.009)
    assert [_sample("timed", "success", "bucket", le=le) for le in ("0.0025", "0.005", "30.0", "+Inf")] == [0, 3, 3, 4]
    await _call(breaker, time, 0.003)
    assert (_sample("timed", "success"), _sample("timed", "success", "bucket", le="0.005")) == (5, 4), "once each"


async def test_a_refused_call_is_no_call() -> None:
    """A call that the breaker refuses is not timed, because it never reached the dependency."""
    time = _Time()
    breaker = Breaker("refusing", Policy(), clock=time)
    breaker.force_open(actor="test", reason="test")
    with pytest.raises(Exception, match="refusing"):
        await breaker.call_async(asyncio.sleep, 0)
    assert sum(_sample("refusing", result) for result in ("success", "error", "timeout")) == 0


def _recoveries(name: str) -> tuple[float, float]:
    totals = [REGISTRY.get_sample_value(f"holdfast_breaker_recovery_seconds_{what}", {"breaker": name})
            for what in ("count", "sum")]  # fmt: skip
    return totals[0] or 0.0, totals[1] or 0.0


async def test_a_recovery_is_from_the_first_opening_to_closed() -> None:
    """A recovery lasts from the first opening to closed, failed probes included; an opening that an operator forces or
    resets is not counted."""
    time = _Time()
    policy = Policy(unreachable_in_a_row=1, probes=1, open_s=5, open_max_s=5, jitter=0, ramp_s=0)
    breaker = Breaker("recovering", policy, clock=time, wall=lambda: datetime.fromtimestamp(time.now, UTC))
    assert _recoveries("recovering") == (0, 0)
    await _call(breaker, time, 0, ConnectionError())
    time.now += 5
    await _call(breaker, time, 0.1, ConnectionError())
    time.now += 5
    await _call(breaker, time, 0.1)
    assert _recoveries("recovering") == (1, pytest.approx(10.2))
    breaker.force_open(actor="test", reason="test", for_s=10)
    time.now += 10
    await _call(breaker, time, 0.1)
    await _call(breaker, time, 0, ConnectionError())
    breaker.reset(actor="test", reason="test")
    assert _recoveries("recovering") == (1, pytest.approx(10.2))


async def test_a_pool_says_how_full_it_is() -> None:
    """A pool counts the calls that wait for a thread as in use, and no longer counts a call that has failed."""
    pool, go, loop = Pool("test-pool", 2), asyncio.Event(), asyncio.get_running_loop()

    def in_use() -> float | None:
        return REGISTRY.get_sample_value("holdfast_pool_in_use", {"pool": "test-pool"})

    def held() -> None:
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result(10)
        raise ValueError

    asked = [loop.run_in_executor(pool, held) for _ in range(3)]
    assert (in_use(), REGISTRY.get_sample_value("holdfast_pool_capacity", {"pool": "test-pool"})) == (3, 2)
    go.set()
    await asyncio.gather(*asked, return_exceptions=True)
    pool.shutdown()
    assert in_use() == 0
